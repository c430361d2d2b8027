"""Calibrate: labels beside scores become precision, a cut, and what scores mean."""

import dataclasses
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.selecting.calibration.calibration_file import Calibration
from pipelines.selecting.calibration.isotonic import fit_map
from pipelines.selecting.calibration.labels import Labels
from pipelines.selecting.calibration.precision_recall import (
    Curve,
    binomial_interval,
    precision_recall,
)
from pipelines.selecting.calibration.proposed_cut import ProposedCut, propose_cut
from schemas.errors import UsageError

LEVEL = 0.95
_CUTS_SHOWN = 10

Floats = NDArray[np.float64]
Scores = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CalibratedModel:
    """The model whose scores are calibrated.

    Attributes:
      name: Its name in the ledger.
      digest: SHA-256 of its file.
      higher_is_better: Direction of its score.
    """

    name: str
    digest: str
    higher_is_better: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class CutFacts:
    """What one cut does.

    Attributes:
      cut: The score.
      pass_rate: Share of the scored photos of the ledger that it keeps.
      labels: How many labelled photos it keeps.
      precision: Share of the good among them, and the ends of its interval.
      recall: Share of them among the good, and the ends of its interval.
    """

    cut: float
    pass_rate: float
    labels: int
    precision: tuple[float, float, float]
    recall: tuple[float, float, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CalibrationResult:
    """What labels tell of a model's scores in a ledger.

    Attributes:
      labels: How many labels have a score.
      without_score: How many photos with labels have none.
      good: How many labels call their photo good; None of ratings without a limit.
      cuts: What cuts from the strictest to the laxest do, some ten of them.
      wanted_precision: What was asked for; None if nothing was.
      proposed: The cut for that.
      pass_rate: Share of the scored photos that the proposed cut keeps.
      calibration: What the scores mean.
    """

    labels: int
    without_score: int
    good: int | None
    cuts: tuple[CutFacts, ...]
    wanted_precision: float | None
    proposed: ProposedCut | None
    pass_rate: float | None
    calibration: Calibration


@dataclasses.dataclass(frozen=True)
class _Joined:
    """Scores of all photos, and those of labelled ones with their labels."""

    all_scores: Scores
    scores: Floats
    labels: Floats
    without_score: int


def calibrate(
    batches: Iterable[pa.RecordBatch],
    labels: Labels,
    model: CalibratedModel,
    *,
    wanted_precision: float | None = None,
    good_rating: float | None = None,
    level: float = LEVEL,
) -> CalibrationResult:
    """Return what labels tell of scores.

    Memory holds four bytes a row, and the labels.

    Args:
      batches: The rows of the ledger, columns `uri` and the score, null without one.
      labels: What people said.
      model: The model that the scores are of.
      wanted_precision: Share of good photos that is wanted among the kept.
      good_rating: Ratings from this one on are good.
      level: Of intervals and bounds.

    Raises:
      UsageError: If labels match no row, or cannot say what was asked.
    """
    if labels.is_rating and good_rating is None and wanted_precision is not None:
        raise UsageError(
            f"{labels.file} has ratings: say from which one on a photo is good, such "
            "as --good_rating 4"
        )
    if not labels.is_rating and good_rating is not None:
        raise UsageError(f"{labels.file} has no ratings: leave --good_rating out")
    joined = _join(batches, labels, f"musiq_{model.name}")
    rising = fit_map(
        joined.scores, joined.labels, higher_is_better=model.higher_is_better
    )
    limit = good_rating if labels.is_rating else 1.0
    curve = proposed = pass_rate = None
    if limit is not None:
        curve = precision_recall(
            joined.scores,
            joined.labels >= limit,
            higher_is_better=model.higher_is_better,
        )
    if curve is not None and wanted_precision is not None:
        proposed = propose_cut(curve, precision=wanted_precision, level=level)
        if proposed.cut is not None:
            pass_rate = _pass_rate(proposed.cut, joined.all_scores, model)
    calibration = Calibration(
        model=model.name,
        digest=model.digest,
        meaning="rating" if labels.is_rating else "keep",
        labels=len(joined.scores),
        higher_is_better=model.higher_is_better,
        scores=rising.scores,
        values=rising.values,
        cut=proposed.cut if proposed else None,
    )
    return CalibrationResult(
        labels=len(joined.scores),
        without_score=joined.without_score,
        good=curve.all_good if curve else None,
        cuts=_facts(curve, joined.all_scores, model, level) if curve else (),
        wanted_precision=wanted_precision,
        proposed=proposed,
        pass_rate=pass_rate,
        calibration=calibration,
    )


def _join(batches: Iterable[pa.RecordBatch], labels: Labels, column: str) -> _Joined:
    wanted = pa.array(list(labels.values), pa.string())
    everything, found, said = [np.empty(0, np.float32)], [], []
    met: set[str] = set()
    without_score = 0
    for batch in batches:
        uris = batch.column(batch.schema.get_field_index("uri")).cast(pa.string())
        scores = batch.column(batch.schema.get_field_index(column))
        everything.append(scores.drop_null().to_numpy(zero_copy_only=False))
        is_labelled = pc.call_function("is_in", [uris], pc.SetLookupOptions(wanted))
        uris, scores = uris.filter(is_labelled), scores.filter(is_labelled)
        for uri, score in zip(uris.to_pylist(), scores.to_pylist(), strict=True):
            met.add(uri)
            if score is None:
                without_score += 1
            else:
                found.append(score)
                said.append(labels.values[uri])
    if len(met) < len(labels.values):
        raise _unmatched(labels, met)
    if not found:
        raise UsageError(f"no photo of {labels.file} has a score in {column}")
    return _Joined(
        np.concatenate(everything),
        np.array(found, np.float64),
        np.array(said, np.float64),
        without_score,
    )


def _unmatched(labels: Labels, met: set[str]) -> UsageError:
    unmet = [uri for uri in labels.values if uri not in met]
    are = "label is of a photo" if len(unmet) == 1 else "labels are of photos"
    return UsageError(
        f"{labels.file}: {len(unmet)} of {len(labels.values)} {are} that the ledger "
        f"does not have, such as {unmet[0]}; name photos by the ledger's column uri"
    )


def _facts(
    curve: Curve, scores: Scores, model: CalibratedModel, level: float
) -> tuple[CutFacts, ...]:
    wanted = np.linspace(curve.labels / _CUTS_SHOWN, curve.labels, _CUTS_SHOWN)
    places = np.unique(np.searchsorted(curve.kept, np.ceil(wanted)))
    precision = (curve.precision, *curve.precision_interval(level))
    total = np.full_like(curve.good, curve.all_good)
    recall = (curve.recall, *binomial_interval(curve.good, total, level))
    return tuple(
        CutFacts(
            cut=float(curve.cuts[place]),
            pass_rate=_pass_rate(float(curve.cuts[place]), scores, model),
            labels=int(curve.kept[place]),
            precision=_three(precision, place),
            recall=_three(recall, place),
        )
        for place in places.tolist()
    )


def _three(
    columns: tuple[Floats, Floats, Floats], place: int
) -> tuple[float, float, float]:
    value, low, high = (float(column[place]) for column in columns)
    return value, low, high


def _pass_rate(cut: float, scores: Scores, model: CalibratedModel) -> float:
    kept = scores >= cut if model.higher_is_better else scores <= cut
    return float(kept.mean())
