"""The network that trains: MUSIQ with heads that help it learn and are then dropped."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from musiq_core.config import ModelConfig, PreprocessingConfig
from musiq_core.network.patch_encoder import encode_patches
from musiq_core.network.transformer import Encoder

CONFIG = ModelConfig(
    preprocessing=PreprocessingConfig(scales=(224,)),
    stem_width=16,
    patch_features=64,
    group_count=8,
    hidden_size=128,
    layer_count=6,
    head_count=4,
    mlp_size=256,
)
_HUBER_DELTA = 0.05
_KINDS_WEIGHT = 0.1

Params = Any


class GradedMusiq(nn.Module):
    """MUSIQ with, beside its score, what every patch alone shows of the degradation."""

    config: ModelConfig
    kind_count: int

    @nn.compact
    def __call__(
        self,
        pixels: jax.Array,
        positions: jax.Array,
        scale_ids: jax.Array,
        mask: jax.Array,
    ) -> dict[str, jax.Array]:
        """Return the score and the opinions of the helping heads.

        Args:
          pixels: As `musiq_core.network.model.Musiq` takes them, and so the others.
          positions: Cells of the hashed grid.
          scale_ids: Scale of every token.
          mask: False for padding.

        Returns:
          `score` float32 [images, 1], `patch_quality` [images, tokens, 1],
          `patch_kinds` [images, tokens, kinds] and `image_kinds` [images, kinds] as
          logits, and `graded_score` [images, 1]: the score on the scale of targets of
          graded photos, which is another one than that of human opinions.
        """
        images, tokens, _ = pixels.shape
        patch = self.config.preprocessing.patch_size
        x = encode_patches(self.config, pixels.reshape(-1, patch, patch, 3))
        x = x.reshape(images, tokens, -1)
        state = Encoder(self.config, name="Transformer")(x, positions, scale_ids, mask)
        score = nn.Dense(1, kernel_init=nn.initializers.zeros, name="head")(state)
        gain = self.param("help_gain", nn.initializers.ones, (1,))
        offset = self.param("help_offset", nn.initializers.zeros, (1,))
        return {
            "score": score,
            "graded_score": score * gain + offset,
            "patch_quality": nn.Dense(1, name="help_patch_quality")(x),
            "patch_kinds": nn.Dense(self.kind_count, name="help_patch_kinds")(x),
            "image_kinds": nn.Dense(self.kind_count, name="help_image_kinds")(state),
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradedTask:
    """Learning from graded photos and, where there are any, human opinions.

    Attributes:
      kind_count: Kinds of degradation.
      help_weight: Weight of the helping heads' losses at the start.
      help_until_step: Step at which that weight has fallen to 0.
      opinions_weight: Weight of human opinions against graded photos.
    """

    kind_count: int
    help_weight: float
    help_until_step: int
    opinions_weight: float = 0.0

    def init(self, key: jax.Array) -> Params:
        """Return parameters to start from."""
        patch = CONFIG.preprocessing.patch_size
        token = jnp.zeros((1, 1), jnp.int32)
        pixels = jnp.zeros((1, 1, patch * patch * 3), jnp.float32)
        return self._network.init(key, pixels, token, token, token > -1)["params"]

    def loss(
        self, params: Params, batch: dict[str, jax.Array], step: jax.Array
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Return the loss of a batch of training.builtin.batches, and its parts."""
        found = self._network.apply(
            {"params": params},
            batch["pixels"],
            batch["positions"],
            batch["scale_ids"],
            batch["mask"],
        )
        assert isinstance(found, dict)
        labels = batch["labels"][:, 0]
        graded = batch["is_graded"].astype(jnp.float32)
        opinions = _mean(_huber(found["score"][:, 0] - labels), 1 - graded)
        # Before there are opinions, the score itself is on the graded scale.
        score = found["graded_score" if self.opinions_weight else "score"][:, 0]
        grades = _mean(_huber(score - labels), graded)
        tokens = graded[:, None] * batch["mask"]
        quality = jnp.abs(found["patch_quality"][..., 0] - labels[:, None])
        kinds = batch["kinds"]
        helping = (
            _mean(quality, tokens)
            + _KINDS_WEIGHT
            * _mean(_cross_entropy(found["patch_kinds"], kinds[:, None]), tokens)
            + _KINDS_WEIGHT * _mean(_cross_entropy(found["image_kinds"], kinds), graded)
        )
        fading = jnp.clip(1 - step / self.help_until_step, 0, 1) * self.help_weight
        loss = grades + self.opinions_weight * opinions + fading * helping
        return loss, {"grades": grades, "opinions": opinions, "helping": helping}

    @property
    def _network(self) -> GradedMusiq:
        return GradedMusiq(CONFIG, self.kind_count)


def _huber(error: jax.Array) -> jax.Array:
    """Absolute error, but squared, and smooth, near 0."""
    size = jnp.abs(error)
    squared = 0.5 * size * size / _HUBER_DELTA
    return jnp.where(size < _HUBER_DELTA, squared, size - 0.5 * _HUBER_DELTA)


def _cross_entropy(logits: jax.Array, present: jax.Array) -> jax.Array:
    """Mean over kinds of the sigmoid cross entropy."""
    present = jnp.broadcast_to(present, logits.shape)
    losses = jax.nn.softplus(logits) - logits * present
    return losses.mean(axis=-1)


def _mean(values: jax.Array, weights: jax.Array) -> jax.Array:
    return (values * weights).sum() / jnp.maximum(weights.sum(), 1)
