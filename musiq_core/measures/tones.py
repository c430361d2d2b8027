"""Brightness, contrast, entropy and clipping: all from the histogram of grey."""

import dataclasses

import numpy as np
from jaxtyping import UInt8
from PIL import Image

_LEVELS = 256
# JPEG moves clipped samples by a level or two.
_DARK_END = 2
_BRIGHT_END = 253


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Tones:
    """What the histogram of a photo's grey tells.

    Attributes:
      brightness: Mean, 0..255.
      contrast: Standard deviation, 0..127.5 levels (RMS contrast: Peli 1990).
      entropy: Shannon entropy of the levels, 0..8 bits.
      clipped_dark: Share of pixels with at most 2, within a hundredth of the range.
      clipped_bright: Share of pixels with at least 253, likewise.
    """

    brightness: float
    contrast: float
    entropy: float
    clipped_dark: float
    clipped_bright: float


def measure_tones(grey: UInt8[np.ndarray, "height width"]) -> Tones:
    """Measure the tones of all pixels.

    Args:
      grey: uint8 [height, width], at least one pixel.
    """
    shares = np.array(Image.fromarray(grey).histogram()) / grey.size
    levels = np.arange(_LEVELS)
    mean = float(levels @ shares)
    used = shares[shares > 0]
    return Tones(
        brightness=mean,
        contrast=float(np.sqrt((levels - mean) ** 2 @ shares)),
        entropy=abs(float(used @ np.log2(used))),
        clipped_dark=float(shares[: _DARK_END + 1].sum()),
        clipped_bright=float(shares[_BRIGHT_END:].sum()),
    )
