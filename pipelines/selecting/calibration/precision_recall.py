"""Precision and recall of cuts, with intervals that small samples deserve."""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Curve:
    """Precision and recall of every cut that the labelled scores allow, laxest last.

    A cut keeps a photo whose score is at least as good as it. Of labels that are a
    random sample, the precision is that of the ledger.

    Attributes:
      cuts: float64 of shape [n], scores from the best to the worst, each once.
      kept: How many labelled photos each cut keeps.
      good: How many of those are good.
      labels: How many labelled photos there are.
      all_good: How many of them are good.
    """

    cuts: Floats
    kept: Counts
    good: Counts
    labels: int
    all_good: int

    @property
    def precision(self) -> Floats:
        """Share of the good among the kept."""
        return self.good / self.kept

    @property
    def recall(self) -> Floats:
        """Share of the kept among the good; not a number if none is good."""
        with np.errstate(invalid="ignore"):
            return self.good / np.float64(self.all_good)

    def precision_interval(self, level: float) -> tuple[Floats, Floats]:
        """Return the ends of the interval of each cut's precision."""
        return binomial_interval(self.good, self.kept, level)

    def recall_interval(self, level: float) -> tuple[Floats, Floats]:
        """Return the ends of the interval of each cut's recall."""
        total = np.full_like(self.good, self.all_good)
        return binomial_interval(self.good, total, level)


def precision_recall(
    scores: Floats, is_good: NDArray[np.bool_], *, higher_is_better: bool = True
) -> Curve:
    """Return precision and recall of every cut.

    Args:
      scores: Of the labelled photos, finite, shape [n], n at least 1.
      is_good: Whether people want each kept.
      higher_is_better: Direction of the score.
    """
    if len(scores) != len(is_good) or not len(scores):
        raise ValueError(
            f"scores and labels must be as many and some, got {len(scores)} and "
            f"{len(is_good)}"
        )
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    order = np.argsort(-scores if higher_is_better else scores, kind="stable")
    sorted_scores, sorted_good = scores[order], is_good[order]
    is_last = np.append(sorted_scores[1:] != sorted_scores[:-1], True)
    places = np.flatnonzero(is_last)
    good = np.cumsum(sorted_good)
    return Curve(
        cuts=sorted_scores[places].astype(np.float64),
        kept=(places + 1).astype(np.int64),
        good=good[places].astype(np.int64),
        labels=len(scores),
        all_good=int(good[-1]),
    )


def binomial_interval(
    good: Counts, total: Counts, level: float
) -> tuple[Floats, Floats]:
    """Return an interval of a share that holds it with at least this probability.

    Of nothing it is everything from 0 to 1.

    Source: Clopper and Pearson, The use of confidence or fiducial limits, Biometrika
    26 (1934).
    """
    half = (1 - level) / 2
    with np.errstate(invalid="ignore"):
        low = stats.beta.ppf(half, good, total - good + 1)
        high = stats.beta.ppf(1 - half, good + 1, total - good)
    return np.where(good == 0, 0.0, low), np.where(good == total, 1.0, high)


def lower_bound(good: Counts, total: Counts, level: float) -> Floats:
    """Return what a share exceeds with at least this probability; one-sided."""
    with np.errstate(invalid="ignore"):
        low = stats.beta.ppf(1 - level, good, total - good + 1)
    return np.where(good == 0, 0.0, low)
