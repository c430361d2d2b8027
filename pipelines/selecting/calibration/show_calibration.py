"""What a calibration has found, in lines for people."""

from collections.abc import Iterator

from pipelines.selecting.calibration.calibrate import CalibrationResult

_COMFORTABLE_LABELS = 100


def calibration_lines(result: CalibrationResult) -> Iterator[str]:
    """Yield the lines: how many labels, what cuts do, the proposed one, and doubts."""
    name = result.calibration.model
    good = f", {result.good:,} of them good" if result.good is not None else ""
    yield f"{result.labels:,} labelled photos with a score of {name}{good}"
    if result.without_score:
        yield f"{result.without_score:,} labelled photos have no score and say nothing"
    if result.cuts:
        yield "     cut  keeps of the ledger  precision (95 %)    recall (95 %)"
    for cut in result.cuts:
        yield (
            f"{cut.cut:8.4g}  {cut.pass_rate:18.1%}   {_share(cut.precision)}  "
            f"{_share(cut.recall)}"
        )
    yield from _proposal(result)
    if result.labels < _COMFORTABLE_LABELS:
        yield (
            f"{_COMFORTABLE_LABELS - result.labels} more labels make intervals of "
            "some ten points; take photos for them by chance, not by score"
        )


def _proposal(result: CalibrationResult) -> Iterator[str]:
    proposed, wanted = result.proposed, result.wanted_precision
    if proposed is None or wanted is None:
        return
    if proposed.cut is not None and result.pass_rate is not None:
        sign = "--min" if result.calibration.higher_is_better else "--max"
        yield (
            f"for a precision of {wanted:.0%}: {sign} "
            f"{result.calibration.model}={proposed.cut:.9g}, which keeps "
            f"{result.pass_rate:.1%} of the ledger ({proposed.good} of "
            f"{proposed.kept} labelled photos there are good)"
        )
        return
    told = (
        f"no cut is known to have a precision of {wanted:.0%}: of the {proposed.kept}"
    )
    told += f" best labelled photos {proposed.good} are good"
    if proposed.more_labels:
        told += f"; some {proposed.more_labels:,} more labels like these would show it"
    yield told


def _share(three: tuple[float, float, float]) -> str:
    value, low, high = three
    return f"{value:5.1%} ({low:.0%} to {high:.0%})".ljust(20)
