"""What a reader of one format hands on: the first picture as it lies in its file."""

import dataclasses

import numpy as np
from jaxtyping import UInt8

from musiq_core.config import DecodeConfig
from schemas.failures import Failure, ImageFailure

Rgb = UInt8[np.ndarray, "height width 3"]
"""An image or a part of it: uint8 [height, width, 3], RGB in 0..255."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class StoredImage:
    """The first picture of a file, not turned yet.

    Attributes:
      pixels: uint8 [height, width, 3], RGB in 0..255, without regard to the profile.
      format: Name of the format, such as "JPEG".
      frames: Pictures in the file; 1 for a still picture or where counting fails.
      orientation: EXIF orientation 1..8 that the pixels still need.
      profile: The ICC profile; None if there is none.
      colours: Name of a colour space other than sRGB that the file tells in another
        way than by an ICC profile, and that is not converted.
      inks: uint8 [height, width, 4] of a picture in CMYK, 0 for no ink.
    """

    pixels: Rgb
    format: str
    frames: int = 1
    orientation: int = 1
    profile: bytes | None = None
    colours: str | None = None
    inks: UInt8[np.ndarray, "height width 4"] | None = None


def require_allowed_size(width: int, height: int, config: DecodeConfig) -> None:
    """Refuse a picture by the size in its header, before it is decoded.

    Raises:
      ImageFailure: `undecodable` without pixels, `too_large` with too many.
    """
    if min(width, height) < 1:
        raise ImageFailure(
            Failure.UNDECODABLE, f"the header says {width}x{height} pixels"
        )
    if width * height > config.max_pixels:
        raise ImageFailure(
            Failure.TOO_LARGE,
            f"{width}x{height} = {width * height} pixels exceed the limit of "
            f"{config.max_pixels}",
        )
