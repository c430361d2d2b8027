"""The parameters of the packed program: everything that can be folded, folded once."""

from typing import Any

import jax
import numpy as np

from musiq_core.config import ModelConfig
from musiq_core.network.patch_encoder import standardize_kernel

_UNIT = "block1/unit1"
_CONVS = {
    "conv_root": "conv_root",
    **{name: f"{_UNIT}/{name}" for name in ("conv1", "conv2", "conv3", "conv_proj")},
}
_NORMS = {
    "gn_root": "gn_root",
    **{name: f"{_UNIT}/{name}" for name in ("gn1", "gn2", "gn3", "gn_proj")},
}


def fold_parameters(
    parameters: dict[str, np.ndarray], config: ModelConfig
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Prepare the parameters of `Musiq(config)` for the packed program.

    Weight standardisation is applied, layer-norm gain and bias go into the dense layer
    that follows, the query scale into the query, and positions, scales, the embedding
    bias and CLS become rows of one table. The last layer has one query an image, so its
    key projection goes into the query and its value projection into the output: what
    it attends to are the normalised rows themselves. All of it is exact up to rounding.

    Args:
      parameters: float32 arrays by full name.
      config: The architecture.

    Returns:
      The trees of the patch encoder and of the Transformer, float32 arrays of NumPy;
      layers but the last are stacked along a leading axis.
    """
    encoder: dict[str, Any] = {
        name: standardize_kernel(parameters[f"{path}/kernel"])
        for name, path in _CONVS.items()
    }
    for name, path in _NORMS.items():
        encoder[name] = (parameters[f"{path}/scale"], parameters[f"{path}/bias"])
    encoder["embedding"] = parameters["embedding/kernel"]

    layers = [
        _fold_layer(parameters, layer, config) for layer in range(config.layer_count)
    ]
    transformer = {
        "table": _fused_table(parameters),
        "layers": jax.tree.map(lambda *leaves: np.stack(leaves), *layers[:-1])
        if len(layers) > 1
        else None,
        "last_layer": _fold_last_layer(layers[-1], config),
        "norm": _scale_and_bias(parameters, "Transformer/encoder_norm"),
        "head": _kernel_and_bias(parameters, "head"),
    }
    return encoder, transformer


def _fused_table(parameters: dict[str, np.ndarray]) -> np.ndarray:
    """Rows by scale and grid cell, [scales * cells + 1, D]; the last row is CLS."""
    positions = parameters["Transformer/posembed_input/pos_embedding"][0]
    scales = parameters["Transformer/scaleembed_input/scale_embedding"][0]
    rows = positions[None] + scales[:, None] + parameters["embedding/bias"]
    cls = parameters["Transformer/cls"][0]
    return np.concatenate([rows.reshape(-1, rows.shape[-1]), cls])


def _fold_layer(
    parameters: dict[str, np.ndarray], layer: int, config: ModelConfig
) -> dict[str, np.ndarray]:
    path = f"Transformer/encoderblock_{layer}"
    attention = f"{path}/MultiHeadDotProductAttention_1"
    width = config.hidden_size
    projections = {
        name: _kernel_and_bias(parameters, f"{attention}/{name}")
        for name in ("query", "key", "value")
    }
    query_scale = np.float32(config.head_size**-0.5)
    factors = {"query": query_scale, "key": np.float32(1), "value": np.float32(1)}
    qkv = np.concatenate(
        [k.reshape(width, width) * factors[n] for n, (k, _) in projections.items()],
        axis=1,
    )
    qkv_bias = np.concatenate(
        [b.reshape(width) * factors[n] for n, (_, b) in projections.items()]
    )
    qkv, qkv_bias = _fold_norm(
        _scale_and_bias(parameters, f"{path}/LayerNorm_0"), qkv, qkv_bias
    )
    out, out_bias = _kernel_and_bias(parameters, f"{attention}/out")
    up, up_bias = _fold_norm(
        _scale_and_bias(parameters, f"{path}/LayerNorm_2"),
        *_kernel_and_bias(parameters, f"{path}/MlpBlock_3/Dense_0"),
    )
    down, down_bias = _kernel_and_bias(parameters, f"{path}/MlpBlock_3/Dense_1")
    return {
        "qkv": qkv,
        "qkv_bias": qkv_bias,
        "out": out.reshape(width, width),
        "out_bias": out_bias,
        "up": up,
        "up_bias": up_bias,
        "down": down,
        "down_bias": down_bias,
    }


def _fold_last_layer(
    layer: dict[str, np.ndarray], config: ModelConfig
) -> dict[str, np.ndarray]:
    """Replace "qkv" by "query" [D, H * D], and let "out" take H * D features.

    The key bias adds the same to all logits of a query and drops out.
    """
    width = config.hidden_size
    heads = (config.head_count, config.head_size)
    qkv = layer["qkv"].reshape(width, 3, *heads)
    query_bias, _, value_bias = layer["qkv_bias"].reshape(3, *heads)
    query = np.concatenate([qkv[:, 0], query_bias[None]])
    query = np.einsum("qhe,dhe->qhd", query, qkv[:, 1], optimize=True)
    out = np.einsum(
        "dhe,hef->hdf", qkv[:, 2], layer["out"].reshape(*heads, width), optimize=True
    )
    mlp = {name: layer[name] for name in ("up", "up_bias", "down", "down_bias")}
    return mlp | {
        "query": query[:-1].reshape(width, -1),
        "query_bias": query[-1].reshape(-1),
        "out": out.reshape(-1, width),
        "out_bias": layer["out_bias"] + value_bias.reshape(-1) @ layer["out"],
    }


def _fold_norm(
    norm: tuple[np.ndarray, np.ndarray], kernel: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Make `(x * scale + shift) @ kernel + bias` one dense layer of x."""
    scale, shift = norm
    return scale[:, None] * kernel, bias + shift @ kernel


def _kernel_and_bias(
    parameters: dict[str, np.ndarray], path: str
) -> tuple[np.ndarray, np.ndarray]:
    return parameters[f"{path}/kernel"], parameters[f"{path}/bias"]


def _scale_and_bias(
    parameters: dict[str, np.ndarray], path: str
) -> tuple[np.ndarray, np.ndarray]:
    return parameters[f"{path}/scale"], parameters[f"{path}/bias"]
