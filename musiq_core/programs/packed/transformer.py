"""The Transformer for CPUs: flat tokens of many images, dynamic trip counts.

One compiled program serves every mix of image sizes of a capacity. Nothing has the size
tokens x tokens: attention goes block by block with an online softmax. The last layer
is computed for the CLS rows alone, the only ones that the head reads.

Shape letters: T rows of the flat sequence, D hidden size, H heads, E head size,
Q rows of a query block, K rows of a key block.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.lax import dynamic_slice, dynamic_slice_in_dim, dynamic_update_slice
from jaxtyping import Float32, Int32

from musiq_core.config import ModelConfig
from musiq_core.programs.folded.layers import (
    add_residuals,
    apply_dense,
    logits_of,
    normalize,
)
from musiq_core.programs.folded.parameters import (
    FoldedLastLayer,
    FoldedLayer,
    FoldedTransformer,
)
from musiq_core.programs.packed.layout import MAX_IMAGES, QUERY_BLOCK, PackedLayout
from musiq_core.programs.packed.loops import for_rows, repeat

_KEY_BLOCK = 256
_CLS_BLOCK = 8
_NEVER = -1e30

_Index = Int32[jax.Array | np.ndarray, ""]
_Rows = Float32[jax.Array, "T D"]


class _Softmax(NamedTuple):
    """An online softmax: what is known of every query so far.

    Attributes:
      highest: Its largest logit, [..., Q, 1].
      total: The sum of its weights, [..., Q, 1].
      mixed: The sum of the values by weight, [..., Q, F].
    """

    highest: Float32[jax.Array, "*queries 1"]
    total: Float32[jax.Array, "*queries 1"]
    mixed: Float32[jax.Array, "*queries features"]


def transform(
    parameters: FoldedTransformer,
    embeddings_TxD: _Rows,
    layout: PackedLayout,
    *,
    config: ModelConfig,
) -> Float32[jax.Array, "MAX_IMAGES outputs"]:
    """Return the logits of all images of a packed batch.

    Args:
      parameters: Of `fold_parameters`, float32.
      embeddings_TxD: float32 [capacity, D] of `encode_block`; CLS and unused rows 0.
      layout: Of `pack`.
      config: Sizes of the network.

    Returns:
      float32 [MAX_IMAGES, output_count]; rows past the image count mean nothing.

    Source: musiq-spec section 7.
    """
    x_TxD = embeddings_TxD + parameters.table[layout.table_rows]
    rows = x_TxD.shape[0]
    spill = max(QUERY_BLOCK, _KEY_BLOCK)
    heads = 3 * config.head_count
    qkv = jnp.zeros((heads, rows + spill, config.head_size), x_TxD.dtype)
    attended = jnp.zeros((rows + spill, config.hidden_size), x_TxD.dtype)

    def block(
        carry: tuple[jax.Array, jax.Array, jax.Array], layer: FoldedLayer
    ) -> tuple[tuple[jax.Array, jax.Array, jax.Array], None]:
        x_TxD, qkv, attended = carry
        qkv = _project(layer, x_TxD, qkv, layout.row_count)
        attended = _attend(qkv, attended, layout, config)
        x_TxD = _update_rows(layer, x_TxD, attended, layout.row_count)
        return (x_TxD, qkv, attended), None

    if parameters.layers is not None:
        carry = (x_TxD, qkv, attended)
        (x_TxD, _, _), _ = jax.lax.scan(block, carry, parameters.layers)
    cls = _last_layer(parameters.last_layer, x_TxD, layout, config)
    return logits_of(cls, parameters)


def _project(
    layer: FoldedLayer,
    x_TxD: _Rows,
    qkv: Float32[jax.Array, "heads rows E"],
    count: _Index,
) -> Float32[jax.Array, "heads rows E"]:
    """Write queries, keys and values, head by head."""
    heads, _, head_size = qkv.shape

    def step(start: jax.Array, size: int, qkv: jax.Array) -> jax.Array:
        x = dynamic_slice_in_dim(x_TxD, start, size)
        x = apply_dense(normalize(x), layer.qkv)
        x = x.reshape(size, heads, head_size).transpose(1, 0, 2)
        return dynamic_update_slice(qkv, x, (0, start, 0))

    return for_rows(count, step, qkv)


def _attend(
    qkv: Float32[jax.Array, "heads rows E"],
    attended: Float32[jax.Array, "rows D"],
    layout: PackedLayout,
    config: ModelConfig,
) -> Float32[jax.Array, "rows D"]:
    """Write the attention output of every query block."""
    heads, head_size = config.head_count, config.head_size

    def query_block(index: jax.Array, attended: jax.Array) -> jax.Array:
        image = layout.query_images[index]
        first, size = layout.image_starts[image], layout.image_sizes[image]
        start = layout.query_starts[index]
        query = dynamic_slice(qkv, (0, start, 0), (heads, QUERY_BLOCK, head_size))

        def read_keys(offset: jax.Array) -> tuple[jax.Array, jax.Array]:
            shape = (heads, _KEY_BLOCK, head_size)
            key = dynamic_slice(qkv, (heads, first + offset, 0), shape)
            value = dynamic_slice(qkv, (2 * heads, first + offset, 0), shape)
            return key, value

        out = _online_softmax(query, read_keys, size)
        out = out.transpose(1, 0, 2).reshape(QUERY_BLOCK, heads * head_size)
        return dynamic_update_slice(attended, out, (start, 0))

    return repeat(layout.query_count, query_block, attended)


def _online_softmax(
    query_HxQxE: Float32[jax.Array, "H Q E"],
    read_keys: Callable[[jax.Array], tuple[jax.Array, jax.Array]],
    key_count: _Index,
) -> Float32[jax.Array, "H Q E"]:
    """Attend to `key_count` keys, one block at a time.

    Args:
      query_HxQxE: Scaled queries.
      read_keys: Returns keys and values [H, K, E] from an offset on; rows past
        `key_count` are masked here.
      key_count: int32 scalar.
    """

    def step(index: jax.Array, state: _Softmax) -> _Softmax:
        offset = index * _KEY_BLOCK
        key, value = read_keys(offset)
        logits = jnp.einsum("hqe,hke->hqk", query_HxQxE, key)
        is_key = offset + jnp.arange(_KEY_BLOCK) < key_count
        logits = jnp.where(is_key[None, None], logits, _NEVER)
        # Rows past the end may be another image's; its NaN times weight 0 is NaN.
        value = jnp.where(is_key[None, :, None], value, 0)
        return _attend_further(logits, value, state)

    *queries, features = query_HxQxE.shape
    blocks = (key_count + _KEY_BLOCK - 1) // _KEY_BLOCK
    state = repeat(blocks, step, _nothing_attended(queries, features))
    return state.mixed / state.total


def _nothing_attended(queries: Sequence[int], features: int) -> _Softmax:
    """Return an online softmax before the first keys."""
    return _Softmax(
        highest=jnp.full((*queries, 1), _NEVER),
        total=jnp.zeros((*queries, 1)),
        mixed=jnp.zeros((*queries, features)),
    )


def _attend_further(
    logits: Float32[jax.Array, "*heads Q K"],
    value: Float32[jax.Array, "*heads K features"],
    state: _Softmax,
) -> _Softmax:
    """Add logits and values to an online softmax."""
    highest = jnp.maximum(state.highest, logits.max(axis=-1, keepdims=True))
    weights = jnp.exp(logits - highest)
    shrink = jnp.exp(state.highest - highest)
    return _Softmax(
        highest=highest,
        total=state.total * shrink + weights.sum(axis=-1, keepdims=True),
        mixed=state.mixed * shrink + weights @ value,
    )


def _update_rows(
    layer: FoldedLayer,
    x_TxD: _Rows,
    attended: Float32[jax.Array, "rows D"],
    count: _Index,
) -> _Rows:
    """Add the attention output and the MLP to every row."""

    def step(start: jax.Array, size: int, x_TxD: jax.Array) -> jax.Array:
        x = dynamic_slice_in_dim(x_TxD, start, size)
        out = dynamic_slice_in_dim(attended, start, size)
        x = add_residuals(x, out, layer.residuals, bias_last=False)
        return dynamic_update_slice(x_TxD, x, (start, 0))

    return for_rows(count, step, x_TxD)


def _last_layer(
    layer: FoldedLastLayer,
    x_TxD: _Rows,
    layout: PackedLayout,
    config: ModelConfig,
) -> Float32[jax.Array, "MAX_IMAGES D"]:
    """Apply the last block to the CLS rows.

    Keys and values are the normalised rows themselves; see `fold_parameters`.
    """
    heads, width = config.head_count, config.hidden_size
    starts, sizes = layout.image_starts, layout.image_sizes
    cls_NxD = x_TxD[starts]
    x_TxD = jnp.pad(x_TxD, ((0, QUERY_BLOCK), (0, 0)))

    def ask(start: jax.Array, query_NxHD: jax.Array) -> jax.Array:
        cls = dynamic_slice_in_dim(cls_NxD, start, _CLS_BLOCK)
        query = apply_dense(normalize(cls), layer.query)
        return dynamic_update_slice(query_NxHD, query, (start, 0))

    def attend(index: jax.Array, state: _Softmax) -> _Softmax:
        image, start = layout.query_images[index], layout.query_starts[index]
        row = start + jnp.arange(QUERY_BLOCK)
        is_own = row < starts[image] + sizes[image]
        rows = normalize(dynamic_slice_in_dim(x_TxD, start, QUERY_BLOCK))
        rows = jnp.where(is_own[:, None], rows, 0)
        query = query_NxHD[image].reshape(heads, width)
        logits = jnp.where(is_own[None], query @ rows.T, _NEVER)
        own = _attend_further(logits, rows, _Softmax(*(part[image] for part in state)))
        return _Softmax(
            *(
                dynamic_update_slice(of_all, of_image[None], (image, 0, 0))
                for of_all, of_image in zip(state, own, strict=True)
            )
        )

    def update(start: jax.Array, cls_NxD: jax.Array) -> jax.Array:
        cls = dynamic_slice_in_dim(cls_NxD, start, _CLS_BLOCK)
        out = dynamic_slice_in_dim(mixed_NxHD, start, _CLS_BLOCK)
        cls = add_residuals(cls, out, layer.residuals, bias_last=False)
        return dynamic_update_slice(cls_NxD, cls, (start, 0))

    def for_images(
        step: Callable[[jax.Array, jax.Array], jax.Array], carry: jax.Array
    ) -> jax.Array:
        blocks = (layout.image_count + _CLS_BLOCK - 1) // _CLS_BLOCK
        return repeat(blocks, lambda i, c: step(i * _CLS_BLOCK, c), carry)

    query_NxHD = for_images(ask, jnp.zeros((MAX_IMAGES, heads * width), x_TxD.dtype))
    state = _nothing_attended((MAX_IMAGES, heads), width)
    state = repeat(layout.query_count, attend, state)
    mixed_NxHD = (state.mixed / state.total).reshape(MAX_IMAGES, heads * width)
    return for_images(update, cls_NxD)
