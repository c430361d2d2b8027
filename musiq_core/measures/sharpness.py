"""Sharpness: the variance of the Laplacian, of the whole photo and of its tiles."""

import numpy as np
from jaxtyping import Float64, Int16, UInt8

_TILES_A_SIDE = 8
_SHARP_TILE_PERCENTILE = 90


def measure_sharpness(grey: UInt8[np.ndarray, "height width"]) -> tuple[float, float]:
    """Return the variance of the Laplacian: of the whole, and of the sharpest tiles.

    The second is the 90th percentile over 8 x 8 tiles (nearest rank), so that a sharp
    subject before soft ground counts, and a single edge does not.

    Args:
      grey: uint8 [height, width], as `shrink_grey` returns it.

    Returns:
      Both in squared levels, at least 0.

    Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000.
    """
    edges = laplacian(grey)
    sums = _by_tile(edges), _by_tile(edges.astype(np.int32) ** 2)
    counts = _by_tile(np.ones_like(edges))
    tiles = _variance(*sums, counts)
    [whole] = _variance(*(part.sum(keepdims=True).ravel() for part in (*sums, counts)))
    # np.percentile imports at its first call, which a decode child must not.
    place = -(-tiles.size * _SHARP_TILE_PERCENTILE // 100) - 1
    return float(whole), float(np.partition(tiles, place, axis=None)[place])


def laplacian(
    grey: UInt8[np.ndarray, "height width"],
) -> Int16[np.ndarray, "height width"]:
    """Return the Laplacian of four neighbours; pixels are mirrored at the edges.

    Args:
      grey: uint8 [height, width].

    Returns:
      int16 [height, width] in -1020..1020.
    """
    padded = np.pad(grey, 1, mode="reflect").astype(np.int16)
    edges = padded[:-2, 1:-1] + padded[2:, 1:-1]
    edges += padded[1:-1, :-2]
    edges += padded[1:-1, 2:]
    edges -= 4 * padded[1:-1, 1:-1]
    return edges


def _by_tile(values: np.ndarray) -> Float64[np.ndarray, "rows columns"]:
    """Return the sum over each tile, exactly."""
    for axis in (0, 1):
        length = values.shape[axis]
        count = min(_TILES_A_SIDE, length)
        starts = np.arange(count) * length // count
        values = np.add.reduceat(values, starts, axis=axis, dtype=np.int64)
    return values.astype(np.float64)


def _variance(
    sums: Float64[np.ndarray, "*tiles"],
    squares: Float64[np.ndarray, "*tiles"],
    counts: Float64[np.ndarray, "*tiles"],
) -> Float64[np.ndarray, "*tiles"]:
    return np.maximum(squares / counts - (sums / counts) ** 2, 0)
