"""The golden data's generated parameters, by the rule in its README."""

import zlib

import numpy as np

PREFIX = "opt/target/"


def golden_parameters(shapes: dict[str, tuple[int, ...]], suffix: str) -> dict:
    """Float32 arrays by full published name, for the shapes of one variant."""
    return {key: _parameter(key, tuple(shape), suffix) for key, shape in shapes.items()}


def _parameter(key: str, shape: tuple[int, ...], suffix: str) -> np.ndarray:
    seed = zlib.crc32((key + suffix).encode("utf-8"))
    z = np.random.default_rng(seed).standard_normal(shape)
    return (_scaled(key, z) + 0.0).astype(np.float32)


def _scaled(key: str, z: np.ndarray) -> np.ndarray:
    root = np.sqrt(384)
    if key.endswith("scale"):
        return 1 + 0.1 * z
    if key.endswith("bias"):
        return 0.1 * z
    if key.endswith(("pos_embedding", "scale_embedding", "cls")):
        return 0.5 * z
    if z.ndim == 4:
        return 0.01 * z
    if key.endswith("head/kernel"):
        return 3 * z / root
    if key.endswith(("query/kernel", "key/kernel")):
        return 1.5 * z / root
    if key.endswith(("value/kernel", "out/kernel")):
        return z / root
    return z / np.sqrt(z.shape[0])
