"""Aspect-preserving resize with the published Gaussian, without antialiasing."""

import numpy as np
from jaxtyping import Float32, Int32, Shaped

_SIGMA = 0.5
_RADIUS_PIXELS = 1.5
_TAPS = 4  # source pixels that can lie within the radius of one output centre


def target_size(height: int, width: int, longer_side: int) -> tuple[int, int]:
    """Return the size of a copy whose longer side is `longer_side` pixels.

    Args:
      height: Source height in pixels, at least 1.
      width: Source width in pixels, at least 1.
      longer_side: Wanted longer side in pixels; smaller images are enlarged to it.

    Returns:
      (height, width) in pixels, rounded half to even in float32. A side is 0 for
      extreme aspect ratios (above about 2 * longer_side to 1).

    Source: musiq-spec section 3.
    """
    ratio = np.float32(longer_side) / np.float32(max(height, width))
    return (
        int(np.rint(np.float32(height) * ratio)),
        int(np.rint(np.float32(width) * ratio)),
    )


def gaussian_taps(
    source: int, target: int
) -> tuple[Int32[np.ndarray, "{target} 4"], Float32[np.ndarray, "{target} 4"]]:
    """Return which source pixels make each output pixel along one axis.

    Args:
      source: Source pixels along the axis, at least 1.
      target: Output pixels along the axis, at least 1.

    Returns:
      int32 [target, 4] source indices and float32 [target, 4] weights that sum to 1;
      taps outside the image have weight 0 and a valid index.

    Source: musiq-spec section 4. Centres are float32: they often lie exactly on the
    kernel's edge, where float64 would choose other taps.
    """
    inverse_scale = np.float32(1) / (np.float32(target) / np.float32(source))
    centres = (np.arange(target, dtype=np.float32) + np.float32(0.5)) * inverse_scale
    first = np.maximum(np.ceil(centres - np.float32(_RADIUS_PIXELS + 0.5)), 0)
    indices = first.astype(np.int32)[:, None] + np.arange(_TAPS, dtype=np.int32)
    distances = np.abs(indices.astype(np.float32) + np.float32(0.5) - centres[:, None])
    inside = (distances < _RADIUS_PIXELS) & (indices < source)
    gaussian = np.exp(distances**2 * np.float32(-1 / (2 * _SIGMA**2)))
    weights = np.where(inside, gaussian, np.float32(0))
    weights /= weights.sum(axis=1, keepdims=True)
    return np.minimum(indices, source - 1), weights


def resize(
    pixels: Shaped[np.ndarray, "rows columns channels"], height: int, width: int
) -> Float32[np.ndarray, "{height} {width} channels"]:
    """Resize an image with the published Gaussian; the same size is filtered too.

    Args:
      pixels: uint8, int8 or float32 [source_height, source_width, channels].
      height: Output height in pixels, at least 1.
      width: Output width in pixels, at least 1.

    Returns:
      float32 [height, width, channels] in the value range of `pixels`.

    Source: musiq-spec section 4.
    """
    rows = _blend(pixels, *gaussian_taps(pixels.shape[0], height), axis=0)
    return _blend(rows, *gaussian_taps(pixels.shape[1], width), axis=1)


def _blend(
    pixels: Shaped[np.ndarray, "rows columns channels"],
    indices: Int32[np.ndarray, "target 4"],
    weights: Float32[np.ndarray, "target 4"],
    *,
    axis: int,
) -> Float32[np.ndarray, "blended_rows blended_columns channels"]:
    """Weighted sum of the taps of every output row (axis 0) or column (axis 1)."""
    shape = [1, 1, 1]
    shape[axis] = -1
    blended = np.take(pixels, indices[:, 0], axis=axis) * weights[:, 0].reshape(shape)
    for tap in range(1, _TAPS):
        taken = np.take(pixels, indices[:, tap], axis=axis)
        blended += taken * weights[:, tap].reshape(shape)
    return blended
