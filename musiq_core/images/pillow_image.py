"""Opens an image file with Pillow and reads all that may be wanted of it.

Metadata is soft: whatever Pillow raises over it, the picture stays.
"""

import contextlib
import io
import threading
import warnings

import numpy as np
from jaxtyping import UInt8
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from schemas.failures import Failure, ImageFailure

# Importing a plugin registers it. With all allowed formats registered, Pillow never
# goes looking for further plugins.
_REGISTERED = (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

# Pillow's own conversion of these modes repeats grey, drops alpha without blending and
# looks palette entries up.
_MODES_WITH_RGB = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"}
_MODES_16_BIT_GREY = {"I;16", "I;16L", "I;16B", "I;16N"}


def open_header(data: bytes, file_format: str) -> Image.Image:
    """Read the header of a file, with the plugin of one format.

    Args:
      data: The whole file.
      file_format: Pillow's name of the format; "JPEG" covers MPO.

    Raises:
      Exception: Whatever Pillow raises.
    """
    try:
        return Image.open(io.BytesIO(data), formats=[file_format])
    except Image.UnidentifiedImageError:
        if file_format != "AVIF":
            raise
    # Pillow parses the EXIF data of an AVIF while it opens it. Under another name the
    # item is passed over, so that damage there does not cost the picture.
    return Image.open(io.BytesIO(data.replace(b"Exif", b"skip", 1)), formats=["AVIF"])


def read_rgb(picture: Image.Image) -> UInt8[np.ndarray, "height width 3"]:
    """Return the stored pixels of the current frame as uint8 [height, width, 3], RGB.

    Raises:
      ImageFailure: `unsupported_format` for samples without a faithful 8-bit RGB form,
        such as floats, 32-bit integers and LAB.
      Exception: Whatever else Pillow raises.
    """
    if picture.mode in _MODES_16_BIT_GREY:
        picture.load()
        return np.repeat(_high_bytes(picture)[..., np.newaxis], 3, axis=2)
    if picture.mode not in _MODES_WITH_RGB:
        raise ImageFailure(
            Failure.UNSUPPORTED_FORMAT,
            f"{picture.format} samples of mode {picture.mode} have no faithful RGB",
        )
    picture.load()
    picture.info.pop("transparency", None)
    return np.asarray(picture.convert("RGB"))


def read_inks(picture: Image.Image) -> UInt8[np.ndarray, "height width 4"] | None:
    """Return the samples of a loaded picture in CMYK, 0 for no ink; None of others."""
    return np.asarray(picture) if picture.mode == "CMYK" else None


def inks_to_rgb(
    inks: UInt8[np.ndarray, "height width 4"],
) -> UInt8[np.ndarray, "height width 3"]:
    """Return CMYK samples, 0 for no ink, as RGB without a profile."""
    return np.asarray(Image.fromarray(inks, "CMYK").convert("RGB"))


def read_profile(picture: Image.Image) -> bytes | None:
    """Return the ICC profile; None if there is none or it cannot be read."""
    profile = picture.info.get("icc_profile")
    return profile if isinstance(profile, bytes) and profile else None


def _high_bytes(picture: Image.Image) -> UInt8[np.ndarray, "height width"]:
    """Return 16-bit grey, or a TIFF's 12-bit grey, as uint8 [height, width]."""
    # The copy has the size of the stored pixels; a TIFF itself says the upright size.
    samples = np.asarray(picture.copy())
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return (samples >> 8).astype(np.uint8)
    bits = picture.tag_v2[TiffImagePlugin.BITSPERSAMPLE][0]
    grey = (samples >> (bits - 8)).astype(np.uint8)
    # Pillow inverts "white is zero" samples of 8 bits but not of 16.
    is_white_zero = picture.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0
    return 255 - grey if is_white_zero else grey


def read_orientation(picture: Image.Image) -> int:
    """Return the EXIF orientation 1..8; 1 where absent, invalid or unreadable.

    A PNG may keep its EXIF data behind the pixels: load it first.
    """
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def hide_exif(picture: Image.Image) -> None:
    """Keep Pillow from turning a TIFF, or failing on its EXIF, while it loads."""
    with contextlib.suppress(Exception):
        exif = picture.getexif()
        for tag in tuple(exif):
            del exif[tag]


def count_frames(picture: Image.Image) -> int:
    """Return the number of pictures in the file, 1 where counting fails.

    A count beyond 31 bits is none: no format allows it, though Pillow lets a PNG claim
    2**31. Counting may seek: read the pixels first.
    """
    try:
        frames = int(getattr(picture, "n_frames", 1))
    except Exception:
        return 1
    return frames if 1 <= frames < 2**31 else 1


class _WarningsOff:
    """Ignores Pillow's warnings while at least one thread is inside.

    `warnings.catch_warnings` alone is not for threads: two that overlap may leave
    their filters behind.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._inside = 0
        self._outer_filters = contextlib.ExitStack()

    def __enter__(self):
        with self._lock:
            if self._inside == 0:
                self._outer_filters.enter_context(warnings.catch_warnings())
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._inside += 1

    def __exit__(self, *exception_info: object):
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._outer_filters.close()


warnings_off = _WarningsOff()
