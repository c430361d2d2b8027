"""Losses of one image's logits against its label; a batch's loss is their mean."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

_HUBER_DELTA = 1.0


def absolute_error(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Return |prediction - opinion| on the data set's own scale, [B].

    Args:
      logits: float32 [B, 1].
      labels: float32 [B, 1].

    Source: MUSIQ (arXiv:2108.05997), section 4.2; the scale is not normalised, since
      the paper's learning rates fit the raw 0..100 only.
    """
    return jnp.abs(logits - labels)[:, 0]


def huber(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the absolute error, squared and smooth below 1, [B]."""
    return optax.huber_loss(logits, labels, delta=_HUBER_DELTA)[:, 0]


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the cross entropy of softmax(logits) with probabilities, [B].

    Args:
      logits: float32 [B, classes].
      labels: float32 [B, classes], rows that add up to 1: one-hot or mixed.
    """
    return optax.softmax_cross_entropy(logits, labels)


def earth_movers_distance(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the distance (r = 2) of two distributions over ordered ratings, [B].

    The mean over ratings is inside the root. Where the distributions agree, the root
    has no gradient; 0 is given there, as at the least of the absolute error.

    Args:
      logits: float32 [B, ratings], turned to probabilities by softmax.
      labels: float32 [B, ratings], probabilities.

    Source: MUSIQ (arXiv:2108.05997), equation 4.
    """
    difference = jax.nn.softmax(logits) - labels
    mean_square = jnp.square(jnp.cumsum(difference, axis=-1)).mean(axis=-1)
    is_positive = mean_square > 0
    root = jnp.sqrt(jnp.where(is_positive, mean_square, 1.0))
    return jnp.where(is_positive, root, 0.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loss:
    """A loss and the labels that it is for.

    Attributes:
      of: Logits [B, outputs] and labels [B, outputs] to float32 [B].
      label_kind: The kind of `schemas.training_dataset.LABEL_KINDS` that it takes.
    """

    of: Callable[[jax.Array, jax.Array], jax.Array]
    label_kind: str


LOSSES = {
    "absolute_error": Loss(of=absolute_error, label_kind="score"),
    "huber": Loss(of=huber, label_kind="score"),
    "earth_movers_distance": Loss(of=earth_movers_distance, label_kind="distribution"),
    "cross_entropy": Loss(of=cross_entropy, label_kind="class"),
}
