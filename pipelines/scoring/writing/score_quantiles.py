"""Score quantiles over any number of shards, in bounded memory."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from schemas.quantiles import QUANTILE_LEVELS

_SAMPLE_SIZE = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ScoreSample:
    """Sorted scores, or evenly spaced ones among them, extremes included.

    Attributes:
      values: float64, ascending, at most 10,000.
      count: How many scores they stand for.
    """

    values: np.ndarray
    count: int


def sample_scores(scores: Sequence[float] | np.ndarray) -> ScoreSample:
    """Sort scores and keep at most 10,000 of them, evenly spaced in rank."""
    values = np.sort(np.asarray(scores, np.float64))
    if len(values) > _SAMPLE_SIZE:
        ranks = np.linspace(0, len(values) - 1, _SAMPLE_SIZE).round().astype(int)
        values = values[ranks]
    return ScoreSample(values=values, count=len(scores))


def score_quantiles(samples: Sequence[ScoreSample]) -> dict[str, float]:
    """Return the quantiles of all shards' scores together.

    Args:
      samples: One for each shard.

    Returns:
      Quantile by its level as text, such as {"0.5": 61.2}; empty without scores. Exact
      to one rank while no shard was thinned out, else to about 0.01 % of the ranks.
    """
    samples = [sample for sample in samples if sample.count]
    if not samples:
        return {}
    values = np.concatenate([sample.values for sample in samples])
    weights = np.concatenate(
        [np.full(len(s.values), s.count / len(s.values)) for s in samples]
    )
    order = np.argsort(values, kind="stable")
    quantiles = np.quantile(
        values[order], QUANTILE_LEVELS, method="inverted_cdf", weights=weights[order]
    )
    return {str(q): float(v) for q, v in zip(QUANTILE_LEVELS, quantiles, strict=True)}
