"""From logits to a score: one number, or a distribution over 1..n and its moments."""

import numpy as np
from jaxtyping import Float32

from schemas.ledger import Score


def score_from_logits(logits: Float32[np.ndarray, " outputs"]) -> Score:
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


def is_finite(score: Score) -> bool:
    """Whether every number of the score is finite; others must not reach a ledger."""
    return bool(np.isfinite([score.value, score.std or 0.0]).all())
