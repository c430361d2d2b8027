"""The network for accelerators: static shapes, few large operations.

Matrix products are computed in the dtype of their kernels, which is bfloat16 unless a
test asks for float32; norms, softmax and the residual stream are float32 in any case.

Shape letters: N patches, B images, L rows of an image (CLS first), D hidden size,
H heads, E head size.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float, Float32, Int32, UInt8

from musiq_core.config import ModelConfig
from musiq_core.programs.folded.layers import (
    add_residuals,
    apply_dense,
    convolutions,
    logits_of,
    multiply,
    normalize,
)
from musiq_core.programs.folded.parameters import (
    FoldedEncoder,
    FoldedLastLayer,
    FoldedLayer,
    FoldedTransformer,
)

PATCH_BLOCK = 1024
"""Patches that are embedded in one call."""

_QUERY_BLOCK = 512

_Heads = Float[jax.Array, "B L H E"]
_Sizes = Int32[jax.Array, " B"]


def embed_native(
    encoder: FoldedEncoder,
    native: UInt8[jax.Array, "N values"],
    bounds: UInt8[jax.Array, "N 4"],
    *,
    config: ModelConfig,
) -> Float32[jax.Array, "N D"]:
    """Normalise and embed native patches.

    Args:
      encoder: Kernels in the dtype of the products.
      native: uint8 [N, patch * patch * 3], 0..255.
      bounds: uint8 [N, 4], as `Patches.native_bounds`.
      config: Sizes of the network.

    Returns:
      float32 [N, D], without the embedding's bias.
    """
    side = config.preprocessing.patch_size
    pixels = native.reshape(-1, side, side, 3).astype(jnp.float32) / 255 * 2 - 1
    at = jnp.arange(side, dtype=jnp.uint8)[None]
    top, bottom, left, right = bounds.T[:, :, None]
    rows, columns = (at >= top) & (at < bottom), (at >= left) & (at < right)
    inside = rows[:, :, None] & columns[:, None, :]
    return _embed(encoder, jnp.where(inside[..., None], pixels, 0), config)


def embed_resized(
    encoder: FoldedEncoder,
    resized: Float32[jax.Array, "N values"],
    *,
    config: ModelConfig,
) -> Float32[jax.Array, "N D"]:
    """Embed patches of resized copies.

    Args:
      encoder: Kernels in the dtype of the products.
      resized: float32 [N, patch * patch * 3] in -1..1.
      config: Sizes of the network.

    Returns:
      float32 [N, D], without the embedding's bias.
    """
    side = config.preprocessing.patch_size
    return _embed(encoder, resized.reshape(-1, side, side, 3), config)


def place_rows(
    buffer: Float32[jax.Array, "rows D"],
    rows: Int32[jax.Array, " N"],
    embedded: Float32[jax.Array, "N D"],
) -> Float32[jax.Array, "rows D"]:
    """Write embeddings to rows of a buffer.

    Args:
      buffer: float32 [rows, D].
      rows: int32 [N]; those past the buffer's end are dropped.
      embedded: float32 [N, D].

    Returns:
      float32 [rows, D].
    """
    return buffer.at[rows].set(embedded, mode="drop")


def transform_bucket(
    parameters: FoldedTransformer,
    embeddings: Float32[jax.Array, "rows D"],
    table_rows_BxL: Int32[jax.Array, "B L"],
    sizes: _Sizes,
    *,
    config: ModelConfig,
    use_cudnn: bool,
) -> Float32[jax.Array, "B outputs"]:
    """Return the logits of a batch of one bucket.

    Args:
      parameters: The kernels of `layers` in the dtype of the products.
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
    x = embeddings.reshape(images, length, -1) + parameters.table[table_rows_BxL]

    def block(x: jax.Array, layer: FoldedLayer) -> tuple[jax.Array, None]:
        qkv = apply_dense(normalize(x), layer.qkv)
        qkv = qkv.astype(layer.qkv.kernel.dtype)
        qkv = qkv.reshape(images, length, 3, config.head_count, config.head_size)
        query, key, value = (qkv[:, :, i] for i in range(3))
        attend = _attend_by_cudnn if use_cudnn else _attend
        attended = attend(query, key, value, sizes)
        return add_residuals(x, attended, layer.residuals, bias_last=True), None

    if parameters.layers is not None:
        x, _ = jax.lax.scan(block, x, parameters.layers)
    cls = _last_layer(parameters.last_layer, x, sizes, config)
    return logits_of(cls, parameters)


def _embed(
    encoder: FoldedEncoder,
    pixels: Float32[jax.Array, "N P P 3"],
    config: ModelConfig,
) -> Float32[jax.Array, "N D"]:
    features = convolutions(encoder, pixels.astype(encoder.embedding.dtype), config)
    return multiply(features.reshape(len(pixels), -1), encoder.embedding)


def _attend(
    query: _Heads, key: _Heads, value: _Heads, sizes: _Sizes
) -> Float[jax.Array, "B L D"]:
    """Attend within every image, a block of queries at a time.

    Args:
      query: [B, L, H, E], scaled.
      key: [B, L, H, E].
      value: [B, L, H, E].
      sizes: int32 [B], keys in use.
    """
    images, length, heads, head_size = query.shape
    is_key = jnp.arange(length)[None] < sizes[:, None]
    block = min(length, _QUERY_BLOCK)
    blocks = -(-length // block)
    padding = ((0, 0), (0, blocks * block - length), (0, 0), (0, 0))
    query = jnp.pad(query, padding).reshape(images, blocks, block, heads, head_size)

    def attend_block(_: None, query: jax.Array) -> tuple[None, jax.Array]:
        logits = jnp.einsum(
            "bqhe,bkhe->bhqk", query, key, preferred_element_type=jnp.float32
        )
        logits = jnp.where(is_key[:, None, None], logits, -jnp.inf)
        weights = jax.nn.softmax(logits, axis=-1).astype(value.dtype)
        return None, jnp.einsum("bhqk,bkhe->bqhe", weights, value)

    _, attended = jax.lax.scan(attend_block, None, query.swapaxes(0, 1))
    attended = attended.swapaxes(0, 1).reshape(images, blocks * block, -1)
    return attended[:, :length]


def _attend_by_cudnn(
    query: _Heads, key: _Heads, value: _Heads, sizes: _Sizes
) -> Float[jax.Array, "B L D"]:
    """`_attend` by the fused kernel, which skips what lies past an image's end."""
    attended = jax.nn.dot_product_attention(
        *(query, key, value),
        scale=1.0,
        query_seq_lengths=sizes,
        key_value_seq_lengths=sizes,
        implementation="cudnn",
    )
    images, length, heads, head_size = attended.shape
    return attended.reshape(images, length, heads * head_size)


def _last_layer(
    layer: FoldedLastLayer,
    x_BxLxD: Float32[jax.Array, "B L D"],
    sizes: _Sizes,
    config: ModelConfig,
) -> Float32[jax.Array, "B D"]:
    """Apply the last block to the CLS rows; see `fold_parameters`."""
    rows = normalize(x_BxLxD)
    query = apply_dense(rows[:, 0], layer.query)
    query = query.reshape(len(rows), config.head_count, config.hidden_size)
    logits = jnp.einsum("bhd,bld->bhl", query, rows)
    is_key = jnp.arange(rows.shape[1])[None] < sizes[:, None]
    weights = jax.nn.softmax(jnp.where(is_key[:, None], logits, -jnp.inf), axis=-1)
    mixed = jnp.einsum("bhl,bld->bhd", weights, rows).reshape(len(rows), -1)
    return add_residuals(x_BxLxD[:, 0], mixed, layer.residuals, bias_last=True)
