"""The patch encoder for CPUs: a block of patches, convolved a few at a time.

The same arithmetic as `patch_encoder`, arranged so that a chunk's activations stay in
the cache and unused rows of a block cost nothing.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float32, Int32

from musiq_core.config import ModelConfig
from musiq_core.programs.folded.layers import convolutions
from musiq_core.programs.folded.parameters import FoldedEncoder
from musiq_core.programs.packed.loops import repeat

PATCH_BLOCK = 256
"""Patches in one call."""

_CHUNK = 8


def encode_block(
    encoder: FoldedEncoder,
    pixels: Float32[jax.Array, "patches values"],
    count: Int32[jax.Array, ""],
    *,
    config: ModelConfig,
) -> Float32[jax.Array, "patches D"]:
    """Embed the first `count` patches of a block, without the embedding's bias.

    Args:
      encoder: Of `fold_parameters`, float32.
      pixels: float32 [PATCH_BLOCK, patch * patch * 3] in -1..1.
      count: int32 scalar, patches in use; other rows of the result mean nothing.
      config: Sizes of the network.

    Returns:
      float32 [PATCH_BLOCK, hidden_size].
    """
    patch = config.preprocessing.patch_size
    features = (patch // 4) ** 2 * config.patch_features

    def encode_chunk(
        chunk: Int32[jax.Array, ""], encoded: Float32[jax.Array, "patches features"]
    ) -> Float32[jax.Array, "patches features"]:
        start = chunk * _CHUNK
        x = jax.lax.dynamic_slice_in_dim(pixels, start, _CHUNK)
        x = convolutions(encoder, x.reshape(_CHUNK, patch, patch, 3), config)
        return jax.lax.dynamic_update_slice_in_dim(
            encoded, x.reshape(_CHUNK, features), start, axis=0
        )

    chunks = (count + _CHUNK - 1) // _CHUNK
    encoded = jnp.zeros((PATCH_BLOCK, features), jnp.float32)
    encoded = repeat(chunks, encode_chunk, encoded)
    return encoded @ encoder.embedding
