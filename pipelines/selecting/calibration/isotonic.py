"""From scores to what people say, by the best rising map through the labels."""

import dataclasses
import itertools
import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RisingMap:
    """A map from scores, straight between its knots and flat beyond them.

    Attributes:
      scores: Scores of the knots, rising.
      values: Values there, in the direction of the map.
      rises: Whether a higher score has no lower value; else it has no higher one.
    """

    scores: tuple[float, ...]
    values: tuple[float, ...]
    rises: bool = True

    def __post_init__(self):
        if not self.scores or len(self.scores) != len(self.values):
            raise ValueError("a map needs knots, with a value for each score")
        if not np.isfinite([*self.scores, *self.values]).all():
            raise ValueError("the knots of a map must be finite numbers")
        if any(a >= b for a, b in itertools.pairwise(self.scores)):
            raise ValueError("the scores of a map must rise")
        steps = np.diff(self.values) * (1 if self.rises else -1)
        if (steps < 0).any():
            direction = "rise" if self.rises else "fall"
            raise ValueError(f"the values of a map must {direction}")

    def apply(self, scores: Floats) -> Floats:
        """Return the values of scores; not a number stays that."""
        return np.interp(scores, self.scores, self.values)

    def cut_for(self, value: float) -> float | None:
        """Return the laxest score with at least a value; None if none has it.

        It is infinite if every score has it.
        """
        scores, values = np.array(self.scores), np.array(self.values)
        if not self.rises:
            scores, values = -scores[::-1], values[::-1]
        place = int(np.searchsorted(values, value))
        if place == len(values):
            return None
        if place == 0:
            return -math.inf if self.rises else math.inf
        share = (value - values[place - 1]) / (values[place] - values[place - 1])
        cut = scores[place - 1] + share * (scores[place] - scores[place - 1])
        return float(cut if self.rises else -cut)


def fit_map(
    scores: Floats, labels: Floats, *, higher_is_better: bool = True
) -> RisingMap:
    """Return the map with the least squared error among those in the score's direction.

    Args:
      scores: Of the labelled photos, finite, shape [n], n at least 1.
      labels: What people said of each.
      higher_is_better: Direction of the score.

    Source: isotonic regression by pooling of adjacent violators, as in SciPy.
    """
    distinct, inverse, counts = np.unique(
        scores, return_inverse=True, return_counts=True
    )
    means = np.bincount(inverse, weights=labels) / counts
    fitted = isotonic_regression(
        means, weights=counts.astype(np.float64), increasing=higher_is_better
    )
    # Of each flat piece the two ends are enough.
    values = np.asarray(fitted.x, np.float64)
    is_start = np.append(True, values[1:] != values[:-1])
    is_end = np.append(is_start[1:], True)
    knots = is_start | is_end
    return RisingMap(
        scores=tuple(distinct[knots].astype(float).tolist()),
        values=tuple(values[knots].tolist()),
        rises=higher_is_better,
    )
