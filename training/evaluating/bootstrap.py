"""How far a figure would move with other examples: intervals by the bootstrap."""

from collections.abc import Callable, Sequence

import numpy as np

RESAMPLES = 1000
LEVEL = 0.95

Interval = tuple[float, float]


def bootstrap_intervals(
    metrics: dict[str, Callable[[np.ndarray], float]],
    groups: Sequence[str],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> dict[str, Interval]:
    """Return the percentile interval of every metric by its name.

    Groups are drawn with replacement, and whole: versions of one photo are no
    independent examples. Where every example has a group of its own, this is the plain
    bootstrap. All metrics see the same draws, and the same seed draws the same.

    Args:
      metrics: From the indices of the examples that were drawn, repeats included, to a
        figure; NaN where it has no value.
      groups: Group of every example, at least one.
      seed: Of the draws.
      resamples: How often examples are drawn.
      level: Share of the draws that lie in the interval.

    Returns:
      Lower and upper end. Draws without a value are left out; if none has one, both
      ends are NaN.
    """
    random = np.random.default_rng(seed)
    order, starts, sizes = _layout(groups)
    found = {name: np.full(resamples, np.nan) for name in metrics}
    for draw in range(resamples):
        drawn = random.integers(len(sizes), size=len(sizes))
        indices = order[_ranges(starts[drawn], sizes[drawn])]
        for name, metric in metrics.items():
            found[name][draw] = metric(indices)
    return {name: _interval(values, level) for name, values in found.items()}


def _layout(groups: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the examples group by group, and where each group starts, and its size."""
    _, numbers = np.unique(np.asarray(groups, str), return_inverse=True)
    sizes = np.bincount(numbers)
    return np.argsort(numbers, kind="stable"), np.cumsum(sizes) - sizes, sizes


def _ranges(starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the numbers from each start on, as many as its size, all in a row."""
    before = np.cumsum(sizes) - sizes
    return np.repeat(starts - before, sizes) + np.arange(sizes.sum())


def _interval(values: np.ndarray, level: float) -> Interval:
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
