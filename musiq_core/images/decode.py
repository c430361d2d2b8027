"""Turns the bytes of an image file into upright RGB pixels, within stated limits."""

import dataclasses

import numpy as np
import simplejpeg  # pyright: ignore[reportMissingTypeStubs]
from jaxtyping import UInt8
from PIL import Image, JpegImagePlugin, TiffImagePlugin

from musiq_core.config import DEFAULT_DECODING, LARGEST_MAX_PIXELS, DecodeConfig
from musiq_core.images import image_format, pillow_image
from schemas.failures import Failure, ImageFailure

Rgb = UInt8[np.ndarray, "height width 3"]
"""An image or a part of it: uint8 [height, width, 3], RGB in 0..255."""

_SIGNS_OF_TRUNCATION = (
    "truncat",
    "premature end",
    "incomplete",
    "unexpected end",
    "not enough image data",
)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DecodedImage:
    """The first frame of an image file, and what the file says of itself.

    Attributes:
      pixels: uint8 [height, width, 3], RGB in 0..255, C-contiguous.
      format: "JPEG", "MPO", "PNG", "GIF", "WEBP", "TIFF", "BMP" or "AVIF".
      frames: Pictures in the file; 1 for a still picture or where counting fails.
      orientation: EXIF orientation 1..8 as found, applied or not; 1 where it is absent,
        invalid or unreadable.
    """

    pixels: Rgb
    format: str
    frames: int
    orientation: int

    @property
    def height(self) -> int:
        """Rows of `pixels`."""
        return self.pixels.shape[0]

    @property
    def width(self) -> int:
        """Columns of `pixels`."""
        return self.pixels.shape[1]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.height, self.width


def decode_image(data: bytes, config: DecodeConfig = DEFAULT_DECODING) -> DecodedImage:
    """Decode the first frame of an image file to RGB.

    Grey is repeated three times, alpha is dropped without blending, and 16-bit samples
    lose their low byte. Only decoders of `image_format.ALLOWED_FORMATS` run.

    Args:
      data: The whole file.
      config: Choices and limits.

    Raises:
      ImageFailure: The only exception. One of `empty`, `not_an_image`,
        `unsupported_format`, `too_large`, `truncated`, `undecodable`.

    Source: musiq-spec section 1.
    """
    file_format = image_format.require_allowed_format(data)
    try:
        with (
            pillow_image.warnings_off,
            pillow_image.open_header(data, file_format) as picture,
        ):
            _check_limits(data, picture, config)
            return _decode(data, picture, config)
    except ImageFailure:
        raise
    except Exception as error:
        raise _as_failure(error, file_format) from error


def _check_limits(data: bytes, picture: Image.Image, config: DecodeConfig) -> None:
    width, height = picture.size
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
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        scans = image_format.count_jpeg_scans(data)
        if scans > config.max_jpeg_scans:
            raise ImageFailure(
                Failure.TOO_LARGE,
                f"{scans} JPEG scans exceed the limit of {config.max_jpeg_scans}",
            )


def _decode(data: bytes, picture: Image.Image, config: DecodeConfig) -> DecodedImage:
    """Read the pixels, turn them, and record what the file says of itself."""
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        # Pillow turns a TIFF while it loads it, and forgets the orientation.
        orientation = pillow_image.read_orientation(picture)
        pillow_image.hide_exif(picture)
        pixels = pillow_image.read_rgb(picture)
    elif isinstance(picture, JpegImagePlugin.JpegImageFile):
        pixels = _decode_jpeg(data, picture, config)
        orientation = pillow_image.read_orientation(picture)
    else:
        pixels = pillow_image.read_rgb(picture)
        # A PNG may keep its EXIF data behind the pixels.
        orientation = pillow_image.read_orientation(picture)

    if config.orientation == "apply":
        pixels = _turn_upright(pixels, orientation)
    return DecodedImage(
        pixels=np.ascontiguousarray(pixels),
        format=picture.format or "",
        frames=pillow_image.count_frames(picture),
        orientation=orientation,
    )


def _decode_jpeg(data: bytes, picture: Image.Image, config: DecodeConfig) -> Rgb:
    if picture.mode == "CMYK":
        return pillow_image.read_rgb(picture)

    def decode(*, strict: bool) -> Rgb:
        return simplejpeg.decode_jpeg(
            data,
            colorspace="RGB",
            fastdct=config.jpeg_dct == "fast",
            fastupsample=False,
            strict=strict,
        )

    try:
        return decode(strict=True)
    except ValueError as error:
        if _tells_truncation(error):
            raise
    # The strict decoder also refuses what is harmless, such as stray bytes between
    # segments, and the other one accepts nearly everything. Pillow judges.
    stored = pillow_image.read_rgb(picture)
    try:
        return decode(strict=False)
    except ValueError:
        return stored  # the defect stands in the header, where both are strict


def _turn_upright(
    pixels: Rgb, orientation: int
) -> UInt8[np.ndarray, "upright_height upright_width 3"]:
    """Undo an EXIF orientation: 5 to 8 swap height and width."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    flip_rows = orientation in (3, 4, 7, 8)
    flip_columns = orientation in (2, 3, 6, 7)
    return pixels[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]


def _tells_truncation(error: Exception) -> bool:
    message = str(error).lower()
    return any(sign in message for sign in _SIGNS_OF_TRUNCATION)


def _as_failure(error: Exception, file_format: str) -> ImageFailure:
    """Name the reason; a decoder's message may quote the file, so it is left out."""
    kind = type(error).__name__
    if isinstance(error, Image.DecompressionBombError):
        return ImageFailure(
            Failure.TOO_LARGE,
            f"the {file_format} says it has more than {LARGEST_MAX_PIXELS} pixels",
        )
    if isinstance(error, MemoryError):
        return ImageFailure(
            Failure.TOO_LARGE, f"decoding the {file_format} exceeds the memory limit"
        )
    if _tells_truncation(error):
        return ImageFailure(
            Failure.TRUNCATED, f"the {file_format} ends before its picture does"
        )
    if isinstance(error, Image.UnidentifiedImageError):
        return ImageFailure(
            Failure.UNDECODABLE, f"the {file_format} header is damaged or unsupported"
        )
    return ImageFailure(
        Failure.UNDECODABLE, f"the {file_format} data is damaged ({kind})"
    )
