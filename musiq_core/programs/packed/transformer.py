"""The Transformer for CPUs: flat tokens of many images, dynamic trip counts.

One compiled program serves every mix of image sizes of a capacity. Nothing has the size
tokens x tokens: attention goes block by block with an online softmax. The last layer
is computed for the CLS rows alone, the only ones that the head reads.

Shape letters: T rows of the flat sequence, D hidden size, H heads, E head size,
Q rows of a query block, K rows of a key block.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.lax import dynamic_slice, dynamic_slice_in_dim, dynamic_update_slice, fori_loop

from musiq_core.config import ModelConfig
from musiq_core.network.transformer import LAYER_NORM_EPSILON
from musiq_core.programs.packed.layout import MAX_IMAGES, QUERY_BLOCK

ROW_BLOCK = 512
ROW_TAIL = 64
_KEY_BLOCK = 256
_CLS_BLOCK = 8
_NEVER = -1e30

Layer = dict[str, jax.Array]
_Softmax = tuple[jax.Array, ...]
"""Of every query: its largest logit, the sum of its weights, the sum of the values."""


def transform(
    parameters: dict[str, Any],
    embeddings_TxD: jax.Array,
    layout: dict[str, jax.Array],
    *,
    config: ModelConfig,
) -> jax.Array:
    """Return the logits of all images of a packed batch.

    Args:
      parameters: The Transformer's tree of `fold_parameters`.
      embeddings_TxD: float32 [capacity, D] of `encode_block`; CLS and unused rows 0.
      layout: The arrays and counts of `PackedLayout` by name.
      config: Sizes of the network.

    Returns:
      float32 [MAX_IMAGES, output_count]; rows past the image count mean nothing.

    Source: musiq-spec section 7.
    """
    x_TxD = embeddings_TxD + parameters["table"][layout["table_rows"]]
    rows = x_TxD.shape[0]
    spill = max(QUERY_BLOCK, _KEY_BLOCK)
    heads = 3 * config.head_count
    qkv = jnp.zeros((heads, rows + spill, config.head_size), x_TxD.dtype)
    attended = jnp.zeros((rows + spill, config.hidden_size), x_TxD.dtype)

    def block(carry, layer: Layer):
        x_TxD, qkv, attended = carry
        qkv = _project(layer, x_TxD, qkv, layout["row_count"])
        attended = _attend(qkv, attended, layout, config)
        x_TxD = _update_rows(layer, x_TxD, attended, layout["row_count"])
        return (x_TxD, qkv, attended), None

    if parameters["layers"] is not None:
        carry = (x_TxD, qkv, attended)
        (x_TxD, _, _), _ = jax.lax.scan(block, carry, parameters["layers"])
    cls = _last_layer(parameters["last_layer"], x_TxD, layout, config)
    scale, bias = parameters["norm"]
    kernel, head_bias = parameters["head"]
    return (normalize(cls) * scale + bias) @ kernel + head_bias


def _for_rows(count: jax.Array, step: Callable, carry):
    """Run `step(start, size, carry)` over `count` rows: large blocks, then small ones.

    The small blocks keep the rows that are computed but not used below ROW_TAIL.
    """
    blocks = count // ROW_BLOCK
    carry = fori_loop(0, blocks, lambda i, c: step(i * ROW_BLOCK, ROW_BLOCK, c), carry)
    done = blocks * ROW_BLOCK
    tails = (count - done + ROW_TAIL - 1) // ROW_TAIL
    return fori_loop(
        0, tails, lambda i, c: step(done + i * ROW_TAIL, ROW_TAIL, c), carry
    )


def normalize(x: jax.Array) -> jax.Array:
    """Layer normalisation without gain and bias, which are folded into what follows."""
    mean = x.mean(axis=-1, keepdims=True)
    variance = (x * x).mean(axis=-1, keepdims=True) - mean * mean
    return (x - mean) * jax.lax.rsqrt(variance + LAYER_NORM_EPSILON)


def _project(
    layer: Layer, x_TxD: jax.Array, qkv: jax.Array, count: jax.Array
) -> jax.Array:
    """Write queries, keys and values, head by head, [3H, T, E]."""
    heads, _, head_size = qkv.shape

    def step(start, size, qkv):
        x = dynamic_slice_in_dim(x_TxD, start, size)
        x = normalize(x) @ layer["qkv"] + layer["qkv_bias"]
        x = x.reshape(size, heads, head_size).transpose(1, 0, 2)
        return dynamic_update_slice(qkv, x, (0, start, 0))

    return _for_rows(count, step, qkv)


def _attend(
    qkv: jax.Array,
    attended: jax.Array,
    layout: dict[str, jax.Array],
    config: ModelConfig,
) -> jax.Array:
    """Write the attention output of every query block, [T, D]."""
    heads, head_size = config.head_count, config.head_size

    def query_block(index, attended):
        image = layout["query_images"][index]
        first, size = layout["image_starts"][image], layout["image_sizes"][image]
        start = layout["query_starts"][index]
        query = dynamic_slice(qkv, (0, start, 0), (heads, QUERY_BLOCK, head_size))

        def read_keys(offset):
            shape = (heads, _KEY_BLOCK, head_size)
            key = dynamic_slice(qkv, (heads, first + offset, 0), shape)
            value = dynamic_slice(qkv, (2 * heads, first + offset, 0), shape)
            return key, value

        out = _online_softmax(query, read_keys, size)
        out = out.transpose(1, 0, 2).reshape(QUERY_BLOCK, heads * head_size)
        return dynamic_update_slice(attended, out, (start, 0))

    return fori_loop(0, layout["query_count"], query_block, attended)


def _online_softmax(
    query_HxQxE: jax.Array,
    read_keys: Callable[[jax.Array], tuple[jax.Array, jax.Array]],
    key_count: jax.Array,
) -> jax.Array:
    """Attend to `key_count` keys, one block at a time.

    Args:
      query_HxQxE: Scaled queries.
      read_keys: Returns keys [H, K, E] and values [H, K, F] from an offset on; rows
        past `key_count` are masked here.
      key_count: int32 scalar.

    Returns:
      float32 [H, Q, F].
    """
    features = jax.eval_shape(read_keys, jnp.int32(0))[1].shape[-1]

    def step(index, state):
        offset = index * _KEY_BLOCK
        key, value = read_keys(offset)
        logits = jnp.einsum("hqe,hke->hqk", query_HxQxE, key)
        is_key = offset + jnp.arange(_KEY_BLOCK) < key_count
        logits = jnp.where(is_key, logits, _NEVER)
        # Rows past the end may be another image's; its NaN times weight 0 is NaN.
        value = jnp.where(is_key[:, None], value, 0)
        return _attend_further(logits, value, state)

    state = _nothing_attended(query_HxQxE.shape[:-1], features)
    blocks = (key_count + _KEY_BLOCK - 1) // _KEY_BLOCK
    _, total, out = fori_loop(0, blocks, step, state)
    return out / total


def _nothing_attended(queries: tuple[int, ...], features: int) -> _Softmax:
    """Return an online softmax before the first keys."""
    return (
        jnp.full((*queries, 1), _NEVER),
        jnp.zeros((*queries, 1)),
        jnp.zeros((*queries, features)),
    )


def _attend_further(logits: jax.Array, value: jax.Array, state: _Softmax) -> _Softmax:
    """Add logits [..., Q, K] and values [..., K, F] to an online softmax."""
    highest, total, out = state
    new_highest = jnp.maximum(highest, logits.max(axis=-1, keepdims=True))
    weights = jnp.exp(logits - new_highest)
    shrink = jnp.exp(highest - new_highest)
    total = total * shrink + weights.sum(axis=-1, keepdims=True)
    return new_highest, total, out * shrink + weights @ value


def _update_rows(
    layer: Layer, x_TxD: jax.Array, attended: jax.Array, count: jax.Array
) -> jax.Array:
    """Add the attention output and the MLP to every row."""

    def step(start, size, x_TxD):
        x = dynamic_slice_in_dim(x_TxD, start, size)
        out = dynamic_slice_in_dim(attended, start, size)
        return dynamic_update_slice(x_TxD, _residuals(layer, x, out), (start, 0))

    return _for_rows(count, step, x_TxD)


def _residuals(layer: Layer, x: jax.Array, attended: jax.Array) -> jax.Array:
    x = x + (attended @ layer["out"] + layer["out_bias"])
    hidden = normalize(x) @ layer["up"] + layer["up_bias"]
    hidden = jax.nn.gelu(hidden, approximate=True)
    return x + (hidden @ layer["down"] + layer["down_bias"])


def _last_layer(
    layer: Layer, x_TxD: jax.Array, layout: dict[str, jax.Array], config: ModelConfig
) -> jax.Array:
    """Apply the last block to the CLS rows, [MAX_IMAGES, D].

    Keys and values are the normalised rows themselves; see `fold_parameters`.
    """
    heads, width = config.head_count, config.hidden_size
    starts, sizes = layout["image_starts"], layout["image_sizes"]
    cls_NxD = x_TxD[starts]
    x_TxD = jnp.pad(x_TxD, ((0, QUERY_BLOCK), (0, 0)))

    def ask(start, query_NxHD):
        cls = dynamic_slice_in_dim(cls_NxD, start, _CLS_BLOCK)
        query = normalize(cls) @ layer["query"] + layer["query_bias"]
        return dynamic_update_slice(query_NxHD, query, (start, 0))

    def attend(index, state):
        image, start = layout["query_images"][index], layout["query_starts"][index]
        row = start + jnp.arange(QUERY_BLOCK)
        is_own = row < starts[image] + sizes[image]
        rows = normalize(dynamic_slice_in_dim(x_TxD, start, QUERY_BLOCK))
        rows = jnp.where(is_own[:, None], rows, 0)
        query = query_NxHD[image].reshape(heads, width)
        logits = jnp.where(is_own, query @ rows.T, _NEVER)
        own = _attend_further(logits, rows, tuple(of_all[image] for of_all in state))
        return tuple(
            dynamic_update_slice(of_all, of_image[None], (image, 0, 0))
            for of_all, of_image in zip(state, own, strict=True)
        )

    def update(start, cls_NxD):
        cls = dynamic_slice_in_dim(cls_NxD, start, _CLS_BLOCK)
        out = dynamic_slice_in_dim(mixed_NxHD, start, _CLS_BLOCK)
        return dynamic_update_slice(cls_NxD, _residuals(layer, cls, out), (start, 0))

    def for_images(step, carry):
        blocks = (layout["image_count"] + _CLS_BLOCK - 1) // _CLS_BLOCK
        return fori_loop(0, blocks, lambda i, c: step(i * _CLS_BLOCK, c), carry)

    query_NxHD = for_images(ask, jnp.zeros((MAX_IMAGES, heads * width), x_TxD.dtype))
    state = _nothing_attended((MAX_IMAGES, heads), width)
    _, total, mixed = fori_loop(0, layout["query_count"], attend, state)
    mixed_NxHD = (mixed / total).reshape(MAX_IMAGES, heads * width)
    return for_images(update, cls_NxD)
