"""Noise: how far each pixel is from what its neighbours let expect."""

import numpy as np
from jaxtyping import UInt8

_BLOCK_ROWS = 64
_ENOUGH_PIXELS = 2**20


def measure_noise(grey: UInt8[np.ndarray, "height width"]) -> float | None:
    """Estimate the standard deviation of the noise of a photo.

    Fine texture counts as noise, too. Of photos above two megapixels about one is
    used, in blocks of 64 rows evenly spaced: at full size, as shrinking averages noise
    out.

    Args:
      grey: uint8 [height, width].

    Returns:
      Levels, at least 0; None if a side has less than 3 pixels.

    Source: J. Immerkaer, "Fast Noise Variance Estimation", Computer Vision and Image
    Understanding 64(2), 1996.
    """
    height, width = grey.shape
    if min(height, width) < 3:
        return None
    step = _BLOCK_ROWS * max(1, grey.size // _ENOUGH_PIXELS)
    total = count = 0
    for first in range(0, height - 2, step):
        block = grey[first : first + _BLOCK_ROWS + 2].astype(np.int16)
        across = block[:-2] - 2 * block[1:-1] + block[2:]
        both = across[:, :-2] - 2 * across[:, 1:-1] + across[:, 2:]
        total += int(np.abs(both).sum(dtype=np.int64))
        count += both.size
    return float(np.sqrt(np.pi / 2) * total / (6 * count))
