"""The network for accelerators: static shapes, few large operations.

The same folded parameters as the packed program. Matrix products take `dtype`, which is
bfloat16 unless a test asks for float32; norms, softmax and the residual stream are
float32 in any case.

Shape letters: N patches, B images, L rows of an image (CLS first), D hidden size,
H heads, E head size.
"""

from typing import Any

import jax
import jax.numpy as jnp

from musiq_core.config import ModelConfig
from musiq_core.programs.packed.encoder import convolutions
from musiq_core.programs.packed.transformer import Layer, normalize

PATCH_BLOCK = 1024
"""Patches that are embedded in one call."""

_QUERY_BLOCK = 512


def embed_native(
    parameters: dict[str, Any],
    native: jax.Array,
    bounds: jax.Array,
    *,
    config: ModelConfig,
) -> jax.Array:
    """Normalise and embed native patches.

    Args:
      parameters: The encoder's tree, kernels in the dtype of the products.
      native: uint8 [N, patch * patch * 3].
      bounds: uint8 [N, 4], as `Patches.native_bounds`.
      config: Sizes of the network.

    Returns:
      float32 [N, D], without the embedding's bias.
    """
    side = config.preprocessing.patch_size
    pixels = native.reshape(-1, side, side, 3).astype(jnp.float32) / 255 * 2 - 1
    at = jnp.arange(side)
    top, bottom, left, right = bounds.T[:, :, None]
    rows, columns = (at >= top) & (at < bottom), (at >= left) & (at < right)
    inside = rows[:, :, None] & columns[:, None, :]
    return _embed(parameters, jnp.where(inside[..., None], pixels, 0), config)


def embed_resized(
    parameters: dict[str, Any], resized: jax.Array, *, config: ModelConfig
) -> jax.Array:
    """Embed patches of resized copies, float32 [N, patch * patch * 3] in -1..1."""
    side = config.preprocessing.patch_size
    return _embed(parameters, resized.reshape(-1, side, side, 3), config)


def place_rows(buffer: jax.Array, rows: jax.Array, embedded: jax.Array) -> jax.Array:
    """Write embeddings [N, D] to rows of a buffer; rows past its end are dropped."""
    return buffer.at[rows].set(embedded, mode="drop")


def transform_bucket(
    parameters: dict[str, Any],
    embeddings: jax.Array,
    table_rows_BxL: jax.Array,
    sizes: jax.Array,
    *,
    config: ModelConfig,
    use_cudnn: bool,
) -> jax.Array:
    """Return the logits of a batch of one bucket.

    Args:
      parameters: The Transformer's tree, kernels in the dtype of the products.
      embeddings: float32 [B * L, D]; CLS and unused rows are 0.
      table_rows_BxL: int32, row of the fused embedding table for every row.
      sizes: int32 [B], rows in use of every image, at least 1.
      config: Sizes of the network.
      use_cudnn: Attention by cuDNN's kernel instead of XLA's, in bfloat16.

    Returns:
      float32 [B, output_count].

    Source: musiq-spec section 7.
    """
    images, length = table_rows_BxL.shape
    x = embeddings.reshape(images, length, -1) + parameters["table"][table_rows_BxL]

    def block(x: jax.Array, layer: Layer) -> tuple[jax.Array, None]:
        qkv = _dense(normalize(x), layer["qkv"]) + layer["qkv_bias"]
        qkv = qkv.astype(layer["qkv"].dtype)
        qkv = qkv.reshape(images, length, 3, config.head_count, config.head_size)
        query, key, value = (qkv[:, :, i] for i in range(3))
        attend = _attend_by_cudnn if use_cudnn else _attend
        return _residuals(layer, x, attend(query, key, value, sizes)), None

    if parameters["layers"] is not None:
        x, _ = jax.lax.scan(block, x, parameters["layers"])
    cls = _last_layer(parameters["last_layer"], x, sizes, config)
    scale, bias = parameters["norm"]
    kernel, head_bias = parameters["head"]
    return (normalize(cls) * scale + bias) @ kernel + head_bias


def _embed(
    parameters: dict[str, Any], pixels: jax.Array, config: ModelConfig
) -> jax.Array:
    dtype = parameters["embedding"].dtype
    features = convolutions(parameters, pixels.astype(dtype), config)
    return _dense(features.reshape(len(pixels), -1), parameters["embedding"])


def _dense(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Multiply in the kernel's dtype, sum up in float32."""
    return jnp.matmul(
        x.astype(kernel.dtype), kernel, preferred_element_type=jnp.float32
    )


def _attend(
    query: jax.Array, key: jax.Array, value: jax.Array, sizes: jax.Array
) -> jax.Array:
    """Attend within every image, a block of queries at a time, [B, L, D].

    Args:
      query: [B, L, H, E], scaled.
      key: [B, L, H, E].
      value: [B, L, H, E].
      sizes: int32 [B], keys in use.
    """
    images, length, heads, head_size = query.shape
    is_key = jnp.arange(length) < sizes[:, None]
    block = min(length, _QUERY_BLOCK)
    blocks = -(-length // block)
    padding = ((0, 0), (0, blocks * block - length), (0, 0), (0, 0))
    query = jnp.pad(query, padding).reshape(images, blocks, block, heads, head_size)

    def attend_block(query: jax.Array) -> jax.Array:
        logits = jnp.einsum(
            "bqhe,bkhe->bhqk", query, key, preferred_element_type=jnp.float32
        )
        logits = jnp.where(is_key[:, None, None], logits, -jnp.inf)
        weights = jax.nn.softmax(logits, axis=-1).astype(value.dtype)
        return jnp.einsum("bhqk,bkhe->bqhe", weights, value)

    attended = jax.lax.map(attend_block, query.swapaxes(0, 1)).swapaxes(0, 1)
    return attended.reshape(images, blocks * block, -1)[:, :length]


def _attend_by_cudnn(
    query: jax.Array, key: jax.Array, value: jax.Array, sizes: jax.Array
) -> jax.Array:
    """`_attend` by the fused kernel, which skips what lies past an image's end."""
    attended = jax.nn.dot_product_attention(
        *(query, key, value),
        scale=1.0,
        query_seq_lengths=sizes,
        key_value_seq_lengths=sizes,
        implementation="cudnn",
    )
    return attended.reshape(*attended.shape[:2], -1)


def _residuals(layer: Layer, x: jax.Array, attended: jax.Array) -> jax.Array:
    """Add the attention output and the MLP."""
    x = x + _dense(attended, layer["out"]) + layer["out_bias"]
    hidden = _dense(normalize(x), layer["up"]) + layer["up_bias"]
    hidden = jax.nn.gelu(hidden, approximate=True)
    return x + _dense(hidden, layer["down"]) + layer["down_bias"]


def _last_layer(
    layer: Layer, x_BxLxD: jax.Array, sizes: jax.Array, config: ModelConfig
) -> jax.Array:
    """Apply the last block to the CLS rows, [B, D]; see `fold_parameters`."""
    rows = normalize(x_BxLxD)
    query = rows[:, 0] @ layer["query"] + layer["query_bias"]
    query = query.reshape(len(rows), config.head_count, config.hidden_size)
    logits = jnp.einsum("bhd,bld->bhl", query, rows)
    is_key = jnp.arange(rows.shape[1]) < sizes[:, None]
    weights = jax.nn.softmax(jnp.where(is_key[:, None], logits, -jnp.inf), axis=-1)
    mixed = jnp.einsum("bhl,bld->bhd", weights, rows)
    return _residuals(layer, x_BxLxD[:, 0], mixed.reshape(len(rows), -1))
