"""The laxest cut whose precision is as wanted, as far as the labels can tell."""

import dataclasses
import math

import numpy as np

from pipelines.selecting.calibration.precision_recall import Curve, lower_bound

_STEPS = 20
_LABELS_MAX = 1_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProposedCut:
    """A cut, or why there is none.

    Attributes:
      cut: The score; None if no cut is known to have the precision.
      kept: How many labelled photos it keeps, or the strictest cut that was tried.
      good: How many of those are good.
      more_labels: How many more labels would show it, if they were like those there
        are; None if the precision of these is no better than what is wanted.
    """

    cut: float | None
    kept: int
    good: int
    more_labels: int | None


def propose_cut(curve: Curve, *, precision: float, level: float) -> ProposedCut:
    """Return the laxest cut with a precision, wrongly at most once in 1 / (1 - level).

    Cuts are tried from the strictest that could tell to the laxest, in steps that
    depend on the number of labels alone; the first whose lower bound is below the
    precision ends the search. So the labels are looked at many times without deceiving
    by chance more often than one look would.

    Source: fixed-sequence testing; Angelopoulos and others, Learn then Test,
    arXiv:2110.01052, section 3.

    Args:
      curve: Precision of every cut.
      precision: Share of good photos that is wanted among the kept.
      level: Of the lower bound, such as 0.95.
    """
    fewest = fewest_labels(precision, level)
    found = tried = None
    for place in _places(curve, fewest):
        tried = place
        bound = lower_bound(curve.good[place], curve.kept[place], level)
        if bound < precision:
            break
        found = place
    if found is not None:
        return ProposedCut(
            cut=float(curve.cuts[found]),
            kept=int(curve.kept[found]),
            good=int(curve.good[found]),
            more_labels=0,
        )
    place = len(curve.cuts) - 1 if tried is None else tried
    kept, good = int(curve.kept[place]), int(curve.good[place])
    needed = labels_needed(good / kept, precision, level)
    more = None
    if needed is not None:
        share = kept / curve.labels  # labels are taken by chance, so as many are kept
        more = max(1, math.ceil(needed / share) - curve.labels)
    return ProposedCut(cut=None, kept=kept, good=good, more_labels=more)


def fewest_labels(precision: float, level: float) -> int:
    """Return how many labelled photos, all of them good, show a precision."""
    if precision >= 1:
        return _LABELS_MAX
    return math.ceil(math.log(1 - level) / math.log(precision)) if precision > 0 else 1


def labels_needed(share: float, precision: float, level: float) -> int | None:
    """Return how many labelled photos with a share of good ones show a precision.

    None if it is no better than the precision, which no number of labels then shows.
    """
    if share <= precision:
        return None
    low, high = 1, _LABELS_MAX

    def shows(total: int) -> bool:
        good = np.array(math.floor(share * total))
        return bool(lower_bound(good, np.array(total), level) >= precision)

    if not shows(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if shows(middle) else (middle + 1, high)
    return low


def _places(curve: Curve, fewest: int) -> list[int]:
    """Return the places of the cuts that are tried, strictest first."""
    start = max(2 * fewest, curve.labels // 10)
    if curve.labels < 2 * start:
        start = min(fewest, curve.labels)
    if curve.labels < start or start < fewest:
        return []
    counts = np.linspace(start, curve.labels, _STEPS)
    places = np.searchsorted(curve.kept, np.floor(counts))
    return list(dict.fromkeys(int(place) for place in places))
