"""Grey forms of a photo, which most measures are taken on."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image

_STRIP_PIXELS = 2**20
_LONGEST_SIDE = 1024


def to_grey(
    pixels: UInt8[np.ndarray, "height width 3"],
) -> UInt8[np.ndarray, "height width"]:
    """Return the grey of a photo, in strips, so that it takes a byte a pixel.

    Args:
      pixels: uint8 [height, width, 3], RGB.

    Returns:
      uint8 [height, width]: 0.299 R + 0.587 G + 0.114 B, as Pillow rounds it.

    Source: ITU-R BT.601.
    """
    height, width = pixels.shape[:2]
    grey = np.empty((height, width), np.uint8)
    rows = max(1, _STRIP_PIXELS // width)
    for first in range(0, height, rows):
        strip = pixels[first : first + rows]
        grey[first : first + rows] = np.asarray(Image.fromarray(strip).convert("L"))
    return grey


def shrink_grey(
    grey: UInt8[np.ndarray, "height width"],
) -> UInt8[np.ndarray, "rows columns"]:
    """Return grey of at most 1024 pixels along the longer side, by mean over areas.

    Photos of many sizes are compared then at one; smaller ones stay as they are.
    """
    height, width = grey.shape
    if max(height, width) <= _LONGEST_SIDE:
        return grey
    scale = _LONGEST_SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))
