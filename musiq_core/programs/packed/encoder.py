"""The patch encoder for CPUs: a block of patches, convolved a few at a time.

The same arithmetic as `patch_encoder`, arranged so that a chunk's activations stay in
the cache and unused rows of a block cost nothing.
"""

from typing import Any

import jax
import jax.numpy as jnp

from musiq_core.config import ModelConfig
from musiq_core.network.patch_encoder import (
    ROOT_EPSILON,
    UNIT_EPSILON,
    convolve,
    group_norm_affine,
    max_pool,
)

PATCH_BLOCK = 256
"""Patches in one call."""

_CHUNK = 8


def encode_block(
    parameters: dict[str, Any],
    pixels: jax.Array,
    count: jax.Array,
    *,
    config: ModelConfig,
) -> jax.Array:
    """Embed the first `count` patches of a block, without the embedding's bias.

    Args:
      parameters: The encoder's tree of `fold_parameters`.
      pixels: float32 [PATCH_BLOCK, patch * patch * 3] in -1..1.
      count: int32 scalar, patches in use; other rows of the result mean nothing.
      config: Sizes of the network.

    Returns:
      float32 [PATCH_BLOCK, hidden_size].
    """
    patch = config.preprocessing.patch_size
    features = (patch // 4) ** 2 * config.patch_features

    def encode_chunk(chunk: jax.Array, encoded: jax.Array) -> jax.Array:
        start = chunk * _CHUNK
        x = jax.lax.dynamic_slice_in_dim(pixels, start, _CHUNK)
        x = convolutions(parameters, x.reshape(_CHUNK, patch, patch, 3), config)
        return jax.lax.dynamic_update_slice_in_dim(
            encoded, x.reshape(_CHUNK, features), start, axis=0
        )

    chunks = (count + _CHUNK - 1) // _CHUNK
    encoded = jnp.zeros((PATCH_BLOCK, features), jnp.float32)
    encoded = jax.lax.fori_loop(0, chunks, encode_chunk, encoded)
    return encoded @ parameters["embedding"]


def convolutions(
    parameters: dict[str, Any], x: jax.Array, config: ModelConfig
) -> jax.Array:
    """Map patches [N, P, P, 3] to features [N, P/4, P/4, patch_features].

    Kernels and patches have one dtype, float32 or bfloat16; norms are float32 anyway.
    """

    def affine(x: jax.Array, name: str, epsilon: float) -> tuple[jax.Array, jax.Array]:
        scale, bias = parameters[name]
        return group_norm_affine(
            x, scale, bias, group_count=config.group_count, epsilon=epsilon
        )

    def norm(x: jax.Array, name: str, epsilon: float) -> jax.Array:
        wide = x.astype(jnp.float32)
        factor, offset = affine(wide, name, epsilon)
        return jax.nn.relu(wide * factor + offset).astype(x.dtype)

    def pointwise(x: jax.Array, name: str) -> jax.Array:
        return x @ parameters[name][0, 0]

    x = convolve(x, parameters["conv_root"], stride=2)
    x = max_pool(norm(x, "gn_root", ROOT_EPSILON))
    shortcut = pointwise(x, "conv_proj").astype(jnp.float32)
    x = norm(pointwise(x, "conv1"), "gn1", UNIT_EPSILON)
    x = norm(convolve(x, parameters["conv2"]), "gn2", UNIT_EPSILON)
    dtype = x.dtype
    x = pointwise(x, "conv3").astype(jnp.float32)
    shortcut_factor, shortcut_offset = affine(shortcut, "gn_proj", UNIT_EPSILON)
    factor, offset = affine(x, "gn3", UNIT_EPSILON)
    return jax.nn.relu(
        shortcut * shortcut_factor + x * factor + (shortcut_offset + offset)
    ).astype(dtype)
