"""MUSIQ in float64 with NumPy, written from its definition: what rounding is judged by.

Source: musiq-spec sections 2 to 7.
"""

import numpy as np

from musiq_core.config import ModelConfig
from musiq_core.images.patches import scaled_sizes
from musiq_core.images.positions import hashed_positions
from musiq_core.images.resize import gaussian_taps


def float64_score(
    parameters: dict[str, np.ndarray], config: ModelConfig, pixels: np.ndarray
) -> float:
    """The score of uint8 [height, width, 3]; the mean of 1..n of n outputs."""
    p = {name: value.astype(np.float64) for name, value in parameters.items()}
    tokens, positions, scale_ids = _tokens(pixels, config)
    x = _embed(p, tokens, config)
    x += p["Transformer/posembed_input/pos_embedding"][0][positions]
    x += p["Transformer/scaleembed_input/scale_embedding"][0][scale_ids]
    x = np.concatenate([p["Transformer/cls"][0], x])
    for layer in range(config.layer_count):
        x = _block(p, f"Transformer/encoderblock_{layer}", x, config)
    x = _layer_norm(p, "Transformer/encoder_norm", x[:1])
    [logits] = x @ p["head/kernel"] + p["head/bias"]
    if len(logits) == 1:
        return float(logits[0])
    return float(_softmax(logits) @ np.arange(1, len(logits) + 1))


def _tokens(
    pixels: np.ndarray, config: ModelConfig
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    preprocessing = config.preprocessing
    side = preprocessing.patch_size
    native = pixels / 255.0 * 2 - 1
    tokens, positions, scale_ids = [], [], []
    sizes = scaled_sizes(*pixels.shape[:2], preprocessing)
    for scale, (height, width) in enumerate(sizes):
        is_native = scale == len(sizes) - 1
        image = native if is_native else _resize(native, height, width)
        rows, columns = -(-height // side), -(-width // side)
        top, left = (rows * side - height) // 2, (columns * side - width) // 2
        padded = np.zeros((rows * side, columns * side, 3))
        padded[top : top + height, left : left + width] = image
        cut = padded.reshape(rows, side, columns, side, 3).swapaxes(1, 2)
        tokens.append(cut.reshape(-1, side, side, 3))
        grid = hashed_positions(rows, columns, grid_size=preprocessing.grid_size)
        positions.append(grid)
        scale_ids.append(np.full(rows * columns, scale))
    return tuple(map(np.concatenate, (tokens, positions, scale_ids)))


def _resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    for axis, target in enumerate((height, width)):
        indices, weights = gaussian_taps(image.shape[axis], target)
        weights = weights / weights.sum(axis=1, keepdims=True, dtype=np.float64)
        matrix = np.zeros((target, image.shape[axis]))
        np.add.at(matrix, (np.arange(target)[:, None], indices), weights)
        image = np.moveaxis(np.tensordot(matrix, image, (1, axis)), 0, axis)
    return image


def _embed(p: dict[str, np.ndarray], x: np.ndarray, config: ModelConfig) -> np.ndarray:
    def norm(x: np.ndarray, path: str, epsilon: float = 1e-4) -> np.ndarray:
        grouped = x.reshape(*x.shape[:3], config.group_count, -1)
        axes = (1, 2, 4)
        centred = grouped - grouped.mean(axis=axes, keepdims=True)
        variance = (centred**2).mean(axis=axes, keepdims=True)
        normalized = (centred / np.sqrt(variance + epsilon)).reshape(x.shape)
        return normalized * p[f"{path}/scale"] + p[f"{path}/bias"]

    def convolve(x: np.ndarray, path: str, stride: int = 1) -> np.ndarray:
        kernel = p[f"{path}/kernel"]
        axes = (0, 1, 2)
        kernel = (kernel - kernel.mean(axis=axes)) / (kernel.std(axis=axes) + 1e-5)
        size = len(kernel)
        total = max(size - stride, 0)
        before = total // 2
        x = np.pad(
            x, [(0, 0), (before, total - before), (before, total - before), (0, 0)]
        )
        windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), (1, 2))
        windows = windows[:, ::stride, ::stride]
        return np.einsum("nyxcij,ijco->nyxo", windows, kernel, optimize=True)

    x = np.maximum(norm(convolve(x, "conv_root", 2), "gn_root", 1e-6), 0)
    x = np.pad(x, [(0, 0), (0, 1), (0, 1), (0, 0)], constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))
    x = windows[:, ::2, ::2].max(axis=(4, 5))
    unit = "block1/unit1"
    shortcut = norm(convolve(x, f"{unit}/conv_proj"), f"{unit}/gn_proj")
    x = np.maximum(norm(convolve(x, f"{unit}/conv1"), f"{unit}/gn1"), 0)
    x = np.maximum(norm(convolve(x, f"{unit}/conv2"), f"{unit}/gn2"), 0)
    x = np.maximum(norm(convolve(x, f"{unit}/conv3"), f"{unit}/gn3") + shortcut, 0)
    return x.reshape(len(x), -1) @ p["embedding/kernel"] + p["embedding/bias"]


def _block(
    p: dict[str, np.ndarray], path: str, x: np.ndarray, config: ModelConfig
) -> np.ndarray:
    attention = f"{path}/MultiHeadDotProductAttention_1"
    y = _layer_norm(p, f"{path}/LayerNorm_0", x)
    query, key, value = (
        np.einsum("ld,dhe->hle", y, p[f"{attention}/{name}/kernel"], optimize=True)
        + p[f"{attention}/{name}/bias"][:, None]
        for name in ("query", "key", "value")
    )
    weights = _softmax(query @ key.swapaxes(1, 2) / np.sqrt(config.head_size))
    out = np.einsum(
        "hle,hed->ld", weights @ value, p[f"{attention}/out/kernel"], optimize=True
    )
    x = x + out + p[f"{attention}/out/bias"]
    y = _layer_norm(p, f"{path}/LayerNorm_2", x)
    mlp = f"{path}/MlpBlock_3"
    y = y @ p[f"{mlp}/Dense_0/kernel"] + p[f"{mlp}/Dense_0/bias"]
    y = y * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (y + 0.044715 * y**3)))
    return x + y @ p[f"{mlp}/Dense_1/kernel"] + p[f"{mlp}/Dense_1/bias"]


def _layer_norm(p: dict[str, np.ndarray], path: str, x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred**2).mean(axis=-1, keepdims=True)
    normalized = centred / np.sqrt(variance + 1e-6)
    return normalized * p[f"{path}/scale"] + p[f"{path}/bias"]


def _softmax(x: np.ndarray) -> np.ndarray:
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)
