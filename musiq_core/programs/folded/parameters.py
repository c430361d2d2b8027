"""The parameters of both fast forms: everything that can be folded, folded once.

Shape letters: D hidden size, H heads, M width of the MLP, C and F channels of the patch
encoder's stem and output.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Float32, Int32

from musiq_core.config import ModelConfig, PreprocessingConfig
from musiq_core.images.patches import Patches
from musiq_core.network.patch_encoder import standardize_kernel

_Parameters = Mapping[str, np.ndarray]
_Folded = tuple[Float32[np.ndarray, "..."], Float32[np.ndarray, "..."]]
"""Kernel and bias."""


class Dense(NamedTuple):
    """A dense layer; stacked layers have a leading axis."""

    kernel: Float[jax.Array, "*layers inputs outputs"]
    bias: Float[jax.Array, "*layers outputs"]


class Norm(NamedTuple):
    """Gain and bias of a normalisation."""

    scale: Float[jax.Array, "*ones channels"]
    bias: Float[jax.Array, "*ones channels"]


class FoldedEncoder(NamedTuple):
    """The patch encoder: standardised kernels, HWIO, and norms [1, 1, 1, channels]."""

    conv_root: Float[jax.Array, "7 7 3 C"]
    gn_root: Norm
    conv_proj: Float[jax.Array, "1 1 C F"]
    gn_proj: Norm
    conv1: Float[jax.Array, "1 1 C C"]
    gn1: Norm
    conv2: Float[jax.Array, "3 3 C C"]
    gn2: Norm
    conv3: Float[jax.Array, "1 1 C F"]
    gn3: Norm
    embedding: Float[jax.Array, "features D"]


class FoldedResiduals(NamedTuple):
    """What follows attention in a block: its output projection and the MLP.

    Attributes:
      out: [D, D]; [H * D, D] in the last block.
      up: [D, M].
      down: [M, D].
    """

    out: Dense
    up: Dense
    down: Dense


class FoldedLayer(NamedTuple):
    """A block; `qkv` is [D, 3 * D]: queries, keys and values, each head by head."""

    qkv: Dense
    residuals: FoldedResiduals


class FoldedLastLayer(NamedTuple):
    """The last block, whose keys and values are the rows; `query` is [D, H * D]."""

    query: Dense
    residuals: FoldedResiduals


class FoldedTransformer(NamedTuple):
    """The Transformer.

    Attributes:
      table: Rows by scale and grid cell; the last row is CLS.
      layers: Blocks but the last, stacked; None if there is but one.
      last_layer: Of which only the CLS row is computed.
      norm: [D], before the head.
      head: [D, outputs].
    """

    table: Float32[jax.Array, "rows D"]
    layers: FoldedLayer | None
    last_layer: FoldedLastLayer
    norm: Norm
    head: Dense


def fold_parameters(
    parameters: Mapping[str, np.ndarray], config: ModelConfig
) -> tuple[FoldedEncoder, FoldedTransformer]:
    """Prepare the parameters of `Musiq(config)` for the fast forms.

    Weight standardisation is applied, layer-norm gain and bias go into the dense layer
    that follows, the query scale into the query, and positions, scales, the embedding
    bias and CLS become rows of one table. The last layer has one query an image, so its
    key projection goes into the query and its value projection into the output: what
    it attends to are the normalised rows themselves. All of it is exact up to rounding.

    Args:
      parameters: float32 arrays by full name, as a model file has them.
      config: The architecture.

    Returns:
      The patch encoder and the Transformer, float32 arrays on the default device.

    Raises:
      KeyError: If a parameter is missing.
    """
    layers = [
        _fold_layer(parameters, layer, config) for layer in range(config.layer_count)
    ]
    *others, last = layers
    transformer = FoldedTransformer(
        table=jax.device_put(_fused_table(parameters)),
        layers=_stacked(others),
        last_layer=_fold_last_layer(last, config),
        norm=_norm(parameters, "Transformer/encoder_norm"),
        head=_on_device(_dense(parameters, "head")),
    )
    return _fold_encoder(parameters), transformer


def table_rows(
    patches: Patches, config: PreprocessingConfig
) -> Int32[np.ndarray, " rows"]:
    """Return the row of `FoldedTransformer.table` for CLS and every token of an image.

    Args:
      patches: The image.
      config: The preprocessing that made it.

    Returns:
      int32 [tokens + 1], CLS first.
    """
    cells = config.grid_size**2
    cls = np.array([cells * config.scale_count], np.int32)
    return np.concatenate([cls, patches.scale_ids * cells + patches.positions])


def _fold_encoder(parameters: _Parameters) -> FoldedEncoder:
    def kernel(path: str) -> jax.Array:
        return jax.device_put(standardize_kernel(parameters[f"{path}/kernel"]))

    unit = "block1/unit1"
    return FoldedEncoder(
        conv_root=kernel("conv_root"),
        gn_root=_norm(parameters, "gn_root"),
        conv_proj=kernel(f"{unit}/conv_proj"),
        gn_proj=_norm(parameters, f"{unit}/gn_proj"),
        conv1=kernel(f"{unit}/conv1"),
        gn1=_norm(parameters, f"{unit}/gn1"),
        conv2=kernel(f"{unit}/conv2"),
        gn2=_norm(parameters, f"{unit}/gn2"),
        conv3=kernel(f"{unit}/conv3"),
        gn3=_norm(parameters, f"{unit}/gn3"),
        embedding=jax.device_put(parameters["embedding/kernel"]),
    )


def _fused_table(parameters: _Parameters) -> Float32[np.ndarray, "rows D"]:
    positions = parameters["Transformer/posembed_input/pos_embedding"][0]
    scales = parameters["Transformer/scaleembed_input/scale_embedding"][0]
    rows = positions[None] + scales[:, None] + parameters["embedding/bias"]
    cls = parameters["Transformer/cls"][0]
    return np.concatenate([rows.reshape(-1, rows.shape[-1]), cls])


def _fold_layer(
    parameters: _Parameters, layer: int, config: ModelConfig
) -> dict[str, _Folded]:
    """Return the dense layers "qkv", "out", "up" and "down" of a block."""
    path = f"Transformer/encoderblock_{layer}"
    attention = f"{path}/MultiHeadDotProductAttention_1"
    width = config.hidden_size
    query_scale = np.float32(config.head_size**-0.5)
    factors = {"query": query_scale, "key": np.float32(1), "value": np.float32(1)}
    projections = [
        (_dense(parameters, f"{attention}/{name}"), factor)
        for name, factor in factors.items()
    ]
    kernels = [kernel.reshape(width, -1) * f for (kernel, _), f in projections]
    biases = [bias.reshape(width) * f for (_, bias), f in projections]
    qkv = np.concatenate(kernels, axis=1), np.concatenate(biases)
    out, out_bias = _dense(parameters, f"{attention}/out")
    up = _dense(parameters, f"{path}/MlpBlock_3/Dense_0")
    return {
        "qkv": _fold_norm(parameters, f"{path}/LayerNorm_0", qkv),
        "out": (out.reshape(width, width), out_bias),
        "up": _fold_norm(parameters, f"{path}/LayerNorm_2", up),
        "down": _dense(parameters, f"{path}/MlpBlock_3/Dense_1"),
    }


def _stacked(layers: Sequence[dict[str, _Folded]]) -> FoldedLayer | None:
    if not layers:
        return None

    def stack(name: str) -> Dense:
        kernels, biases = zip(*(layer[name] for layer in layers), strict=True)
        return _on_device((np.stack(kernels), np.stack(biases)))

    return FoldedLayer(
        qkv=stack("qkv"),
        residuals=FoldedResiduals(out=stack("out"), up=stack("up"), down=stack("down")),
    )


def _fold_last_layer(layer: dict[str, _Folded], config: ModelConfig) -> FoldedLastLayer:
    """Make the key part of the query, and let "out" take H * D features.

    The key bias adds the same to all logits of a query and drops out.
    """
    width = config.hidden_size
    heads = (config.head_count, config.head_size)
    kernel, bias = layer["qkv"]
    qkv = kernel.reshape(width, 3, *heads)
    query_bias, _, value_bias = bias.reshape(3, *heads)
    query = np.concatenate([qkv[:, 0], query_bias[None]])
    query = np.einsum("qhe,dhe->qhd", query, qkv[:, 1], optimize=True)
    kernel, bias = layer["out"]
    out = np.einsum(
        "dhe,hef->hdf", qkv[:, 2], kernel.reshape(*heads, width), optimize=True
    )
    out_bias = bias + value_bias.reshape(-1) @ kernel
    return FoldedLastLayer(
        query=_on_device((query[:-1].reshape(width, -1), query[-1].reshape(-1))),
        residuals=FoldedResiduals(
            out=_on_device((out.reshape(-1, width), out_bias)),
            up=_on_device(layer["up"]),
            down=_on_device(layer["down"]),
        ),
    )


def _fold_norm(parameters: _Parameters, path: str, dense: _Folded) -> _Folded:
    """Make a dense layer of normalised and scaled x one of normalised x alone."""
    scale, shift = parameters[f"{path}/scale"], parameters[f"{path}/bias"]
    kernel, bias = dense
    return scale[:, None] * kernel, bias + shift @ kernel


def _dense(parameters: _Parameters, path: str) -> _Folded:
    return parameters[f"{path}/kernel"], parameters[f"{path}/bias"]


def _norm(parameters: _Parameters, path: str) -> Norm:
    scale, bias = parameters[f"{path}/scale"], parameters[f"{path}/bias"]
    return Norm(jax.device_put(scale), jax.device_put(bias))


def _on_device(dense: _Folded) -> Dense:
    kernel, bias = dense
    return Dense(jax.device_put(kernel), jax.device_put(bias))
