"""The MUSIQ network: patches of all scales in, logits out.

This Linen module is the one definition of the model. Its parameters are a plain nested
dict with the published names; `parameter_shapes` lists them flat, joined by "/".
"""

from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import traverse_util
from jaxtyping import Bool, Float32, Int32

from musiq_core.config import ModelConfig
from musiq_core.network.patch_encoder import encode_patches
from musiq_core.network.transformer import Encoder

_Array = jax.Array | np.ndarray


class Musiq(nn.Module):
    """Multi-scale image quality Transformer.

    Source: MUSIQ (arXiv:2108.05997); numbers after musiq-spec section 7.
    """

    config: ModelConfig

    @nn.compact
    def __call__(
        self,
        pixels: Float32[_Array, "images tokens values"],
        positions: Int32[_Array, "images tokens"],
        scale_ids: Int32[_Array, "images tokens"],
        mask: Bool[_Array, "images tokens"],
    ) -> Float32[jax.Array, "images outputs"]:
        """Return the logits of a padded batch.

        Args:
          pixels: float32 [images, tokens, patch * patch * 3] in -1..1.
          positions: int32 [images, tokens], cell of the hashed grid.
          scale_ids: int32 [images, tokens], native last.
          mask: bool [images, tokens], False for padding; padding changes nothing.

        Returns:
          float32 [images, output_count].
        """
        images, tokens, _ = pixels.shape
        patch = self.config.preprocessing.patch_size
        x = encode_patches(self.config, pixels.reshape(-1, patch, patch, 3))
        x = x.reshape(images, tokens, -1)
        x = Encoder(self.config, name="Transformer")(x, positions, scale_ids, mask)
        return nn.Dense(
            self.config.output_count, kernel_init=nn.initializers.zeros, name="head"
        )(x)


def parameter_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Return the shape of every parameter by its full name, such as `head/kernel`."""
    patch = config.preprocessing.patch_size
    tokens = jax.ShapeDtypeStruct((1, 1), jnp.int32)
    variables = jax.eval_shape(
        Musiq(config).init,
        jax.random.key(0),
        jax.ShapeDtypeStruct((1, 1, patch * patch * 3), jnp.float32),
        tokens,
        tokens,
        jax.ShapeDtypeStruct((1, 1), jnp.bool_),
    )
    flat = cast(
        "dict[str, jax.ShapeDtypeStruct]",
        traverse_util.flatten_dict(variables["params"], sep="/"),
    )
    return {name: leaf.shape for name, leaf in flat.items()}
