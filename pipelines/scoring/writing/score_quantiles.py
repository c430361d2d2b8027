"""Score quantiles over any number of shards, in bounded memory."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from schemas.quantiles import QUANTILE_LEVELS

_SAMPLE_SIZE = 10_000
# Publishing holds the samples of all shards: 32 MB a model at most.
_SAMPLED_TOGETHER = 4_000_000


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ScoreSample:
    """Sorted scores, or evenly spaced ones among them, extremes included.

    Attributes:
      values: float64, ascending, at most `sample_size`.
      count: How many scores they stand for.
    """

    values: np.ndarray
    count: int


def sample_size(shard_count: int) -> int:
    """Return how many scores of a model and shard are kept, of many shards fewer.

    Args:
      shard_count: Shards of the run.
    """
    return max(2, min(_SAMPLE_SIZE, _SAMPLED_TOGETHER // shard_count))


def sample_scores(
    scores: Sequence[float] | np.ndarray, *, shard_count: int
) -> ScoreSample:
    """Sort scores and keep at most `sample_size`, evenly spaced in rank."""
    values = np.sort(np.asarray(scores, np.float64))
    size = sample_size(shard_count)
    if len(values) > size:
        ranks = np.linspace(0, len(values) - 1, size).round().astype(int)
        values = values[ranks]
    return ScoreSample(values=values, count=len(scores))


def score_quantiles(samples: Sequence[ScoreSample]) -> dict[str, float]:
    """Return the quantiles of all shards' scores together.

    Args:
      samples: One for each shard.

    Returns:
      Quantile by its level as text, such as {"0.5": 61.2}; empty without scores. Exact
      to one rank while no shard was thinned out, else to about 0.01 % of the ranks;
      above 400 shards, which are thinned out more, to 0.1 %.
    """
    samples = [sample for sample in samples if sample.count]
    if not samples:
        return {}
    values = np.concatenate([sample.values for sample in samples])
    weights = np.concatenate([_weights(sample) for sample in samples])
    order = np.argsort(values, kind="stable")
    quantiles = np.quantile(
        values[order], QUANTILE_LEVELS, method="inverted_cdf", weights=weights[order]
    )
    return {str(q): float(v) for q, v in zip(QUANTILE_LEVELS, quantiles, strict=True)}


def _weights(sample: ScoreSample) -> np.ndarray:
    """Return for how many ranks each value stands: those next to it."""
    kept = len(sample.values)
    step = (sample.count - 1) / (kept - 1) if kept > 1 else 1.0
    weights = np.full(kept, step)
    weights[[0, -1]] = (step + 1) / 2
    return weights
