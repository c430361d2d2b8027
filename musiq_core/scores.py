"""From logits to a score: one number, or a distribution over 1..n and its moments."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Score:
    """What one model says of one image.

    Attributes:
      value: The score in the model's own range; the mean for distribution heads.
      std: Standard deviation of the distribution, None for score heads.
      distribution: Probability of 1..n, None for score heads.
    """

    value: float
    std: float | None = None
    distribution: tuple[float, ...] | None = None

    @property
    def is_finite(self) -> bool:
        """Whether every number is finite; anything else must not reach a ledger."""
        return bool(np.isfinite([self.value, self.std or 0.0]).all())


def score_from_logits(logits: np.ndarray) -> Score:
    """Turn the logits of one image into its score.

    Args:
      logits: float32 [outputs]. One output is the score itself; n > 1 outputs are a
        distribution over 1..n under softmax.

    Source: musiq-spec section 7, last paragraphs.
    """
    if len(logits) == 1:
        return Score(value=float(logits[0]))
    shifted = np.exp(logits.astype(np.float64) - logits.max())
    probabilities = shifted / shifted.sum()
    ratings = np.arange(1, len(logits) + 1)
    mean = float(probabilities @ ratings)
    variance = float(probabilities @ (ratings - mean) ** 2)
    return Score(
        value=mean, std=variance**0.5, distribution=tuple(probabilities.tolist())
    )
