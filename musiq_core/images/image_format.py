"""Which formats are read, and by what; the first bytes of a file say which it has."""

import functools
import importlib.util

from musiq_core.images.signatures import sniff_format
from schemas.failures import Failure, ImageFailure

ALLOWED_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF")
"""Formats that every installation reads, by Pillow's names."""

OPTIONAL_FORMATS = {"HEIF": ("pi_heif", "heif"), "JPEG XL": ("pillow_jxl", "jxl")}
"""Formats that need an extra of the package: the module, and the name of the extra."""


def require_allowed_format(data: bytes) -> str:
    """Return the format that the first bytes announce, if it is read here.

    Raises:
      ImageFailure: `empty`, `not_an_image`, or `unsupported_format` for an image format
        that is not read, or needs what is not installed.
    """
    if not data:
        raise ImageFailure(Failure.EMPTY, "the file has no bytes")
    name = sniff_format(data)
    if name is None:
        raise ImageFailure(
            Failure.NOT_AN_IMAGE, "the first bytes belong to no known image format"
        )
    if name in OPTIONAL_FORMATS:
        if not is_installed(name):
            extra = OPTIONAL_FORMATS[name][1]
            raise ImageFailure(
                Failure.UNSUPPORTED_FORMAT,
                f"{name} is read by an extra that is not there: install musiq[{extra}]",
            )
    elif name not in ALLOWED_FORMATS:
        raise unsupported(name)
    return name


@functools.cache
def is_installed(optional_format: str) -> bool:
    """Whether one of `OPTIONAL_FORMATS` can be read here."""
    module, _ = OPTIONAL_FORMATS[optional_format]
    return importlib.util.find_spec(module) is not None


def unsupported(name: str) -> ImageFailure:
    """Return the failure of a file in a format that is not read."""
    return ImageFailure(
        Failure.UNSUPPORTED_FORMAT,
        f"{name} is not one of the formats {', '.join(ALLOWED_FORMATS)}",
    )
