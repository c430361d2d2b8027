"""Turns the bytes of an image file into upright RGB pixels, within stated limits."""

import dataclasses

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from musiq_core.config import DEFAULT_DECODING, LARGEST_MAX_PIXELS, DecodeConfig
from musiq_core.images import pillow_image
from musiq_core.images.extras.heif import decode_heif
from musiq_core.images.extras.jpeg_xl import decode_jpeg_xl
from musiq_core.images.icc_profile import NOT_APPLIED, name_profile, to_srgb
from musiq_core.images.image_format import require_allowed_format
from musiq_core.images.jpeg import decode_jpeg
from musiq_core.images.png_chunks import without_side_chunks
from musiq_core.images.stored_image import Rgb, StoredImage, require_allowed_size
from musiq_core.images.tiff.picture import decode_tiff
from musiq_core.images.truncation import tells_truncation
from schemas.failures import Failure, ImageFailure


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DecodedImage:
    """The first frame of an image file, and what the file says of itself.

    Attributes:
      pixels: uint8 [height, width, 3], RGB in 0..255, C-contiguous.
      format: "JPEG", "MPO", "PNG", "GIF", "WEBP", "TIFF", "BMP" or "AVIF"; with an
        extra "HEIF" or "JXL".
      frames: Pictures in the file; 1 for a still picture or where counting fails.
      orientation: EXIF orientation 1..8 as found, applied or not; 1 where it is absent,
        invalid or unreadable.
      icc: Name of the colour profile, see `name_profile`; None if there is none. It
        ends in " (not applied)" if it was to be applied, and could not be.
    """

    pixels: Rgb
    format: str
    frames: int
    orientation: int
    icc: str | None = None

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
    lose their low byte. Only decoders of `image_format` run.

    Args:
      data: The whole file.
      config: Choices and limits.

    Raises:
      ImageFailure: The only exception. One of `empty`, `not_an_image`,
        `unsupported_format`, `too_large`, `truncated`, `undecodable`.

    Source: musiq-spec section 1.
    """
    file_format = require_allowed_format(data)
    try:
        with pillow_image.warnings_off:
            stored = _read(data, file_format, config)
            pixels, icc = _in_wanted_colours(stored, config)
            if config.orientation == "apply":
                pixels = _turn_upright(pixels, stored.orientation)
            return DecodedImage(
                pixels=np.ascontiguousarray(pixels),
                format=stored.format,
                frames=stored.frames,
                orientation=stored.orientation,
                icc=icc,
            )
    except ImageFailure:
        raise
    except Exception as error:
        raise _as_failure(error, file_format) from error


def _in_wanted_colours(
    stored: StoredImage, config: DecodeConfig
) -> tuple[Rgb, str | None]:
    """Return the stored pixels, converted if that is wanted, and the profile's name."""
    name = name_profile(stored.profile) if stored.profile else stored.colours
    if name is None or config.color_profile == "ignore":
        return stored.pixels, name
    converted = to_srgb(stored)
    if converted is None:
        return stored.pixels, name + NOT_APPLIED
    return converted, name


def _read(data: bytes, file_format: str, config: DecodeConfig) -> StoredImage:
    """Read the first picture by the reader of its format."""
    match file_format:
        case "JPEG":
            return decode_jpeg(data, config)
        case "TIFF":
            return decode_tiff(data, config)
        case "PNG":
            return _read_png(data, config)
        case "HEIC/HEIF":
            return decode_heif(data, config)
        case "JPEG XL":
            return decode_jpeg_xl(data, config)
        case _:
            return _read_by_pillow(data, file_format, config)


def _read_by_pillow(data: bytes, file_format: str, config: DecodeConfig) -> StoredImage:
    with pillow_image.open_header(data, file_format) as picture:
        require_allowed_size(*picture.size, config)
        # A PNG may keep its EXIF data behind the pixels.
        pixels = pillow_image.read_rgb(picture)
        return StoredImage(
            pixels=pixels,
            format=picture.format or "",
            frames=pillow_image.count_frames(picture),
            orientation=pillow_image.read_orientation(picture),
            profile=pillow_image.read_profile(picture),
        )


def _read_png(data: bytes, config: DecodeConfig) -> StoredImage:
    """Read a PNG; if that fails, without all that does not make its picture."""
    try:
        return _read_by_pillow(data, "PNG", config)
    except (ImageFailure, Image.DecompressionBombError, MemoryError):
        raise
    except Exception:
        bare = without_side_chunks(data)
        if bare == data:
            raise
        return _read_by_pillow(bare, "PNG", config)


def _turn_upright(
    pixels: Rgb, orientation: int
) -> UInt8[np.ndarray, "upright_height upright_width 3"]:
    """Undo an EXIF orientation: 5 to 8 swap height and width."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    flip_rows = orientation in (3, 4, 7, 8)
    flip_columns = orientation in (2, 3, 6, 7)
    return pixels[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]


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
    if tells_truncation(error):
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
