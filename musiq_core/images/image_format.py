"""Which formats are read; the first bytes of a file say which it has."""

from musiq_core.images.extras.decoders import EXTRA_OF, decoder_of
from musiq_core.images.signatures import sniff_format
from schemas.failures import Failure, ImageFailure

ALLOWED_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF")
"""Formats that every installation reads, by Pillow's names."""


def require_allowed_format(data: bytes) -> str:
    """Return the format that the first bytes announce, if it is read here.

    Raises:
      ImageFailure: `empty`, `not_an_image`, or `unsupported_format` for an image format
        that is not read, or only with an extra that is not installed.
    """
    if not data:
        raise ImageFailure(Failure.EMPTY, "the file has no bytes")
    name = sniff_format(data)
    if name is None:
        raise ImageFailure(
            Failure.NOT_AN_IMAGE, "the first bytes belong to no known image format"
        )
    if name in EXTRA_OF:
        if decoder_of(name) is None:
            raise ImageFailure(
                Failure.UNSUPPORTED_FORMAT,
                f"{name} is read by an extra that is not installed: "
                f"pip install 'musiq[{EXTRA_OF[name]}]'",
            )
    elif name not in ALLOWED_FORMATS:
        raise unsupported(name)
    return name


def unsupported(name: str) -> ImageFailure:
    """Return the failure of a file in a format that is not read."""
    return ImageFailure(
        Failure.UNSUPPORTED_FORMAT,
        f"{name} is not one of the formats {', '.join(ALLOWED_FORMATS)}",
    )
