"""Reads JPEG XL with libjxl (the extra `jxl`)."""

from typing import Any

import numpy as np

from musiq_core.config import DecodeConfig
from musiq_core.images.extras.decoders import decoder_of
from musiq_core.images.extras.jpeg_xl_header import JpegXlHeader, read_header
from musiq_core.images.stored_image import Rgb, StoredImage, require_allowed_size
from schemas.failures import Failure, ImageFailure

_MOST_BITS = 16


def decode_jpeg_xl(data: bytes, config: DecodeConfig) -> StoredImage:
    """Decode the first frame of a JPEG XL.

    The picture is upright: its orientation is a part of the codestream, and EXIF's has
    no effect. Samples of more than 8 bits lose their low bits. Frames of an animation
    are not counted.

    Raises:
      ImageFailure: `too_large`, `truncated`, `undecodable`, or `unsupported_format` for
        samples without a faithful 8-bit RGB form: floats, more than 16 bits, CMYK.
      MemoryError: If there is too little memory for the pixels.
    """
    try:
        header = read_header(data)
    except EOFError as error:
        raise _truncated() from error
    except ValueError as error:
        raise ImageFailure(
            Failure.UNDECODABLE, "the JPEG XL header is damaged or unsupported"
        ) from error
    require_allowed_size(header.width, header.height, config)
    _require_faithful_rgb(header)
    pixels = _as_rgb(_decode(data), header)
    # What the decoder has understood is not what was read here if one of them is wrong.
    require_allowed_size(pixels.shape[1], pixels.shape[0], config)
    return StoredImage(pixels=pixels, format="JXL", colours=header.colours)


def _require_faithful_rgb(header: JpegXlHeader) -> None:
    what = None
    if header.is_cmyk:
        what = "CMYK samples"
    elif header.is_float:
        what = "floating point samples"
    elif header.bits > _MOST_BITS:
        what = f"samples of {header.bits} bits"
    if what:
        raise ImageFailure(
            Failure.UNSUPPORTED_FORMAT, f"JPEG XL: {what} have no faithful RGB"
        )


def _decode(data: bytes) -> Any:
    try:
        return decoder_of("JPEG XL")(data, index=0, numthreads=1)
    except MemoryError:
        raise
    except Exception as error:
        if "NEED_MORE_INPUT" in str(error):
            raise _truncated() from error
        # libjxl does not say when it lacks memory.
        raise ImageFailure(
            Failure.UNDECODABLE,
            "the JPEG XL data is damaged, or needs more memory than it may",
        ) from error


def _as_rgb(samples: Any, header: JpegXlHeader) -> Rgb:
    """Return samples, as many a pixel as there may be, as RGB of 8 bits."""
    if samples.ndim == 2:
        samples = samples[..., np.newaxis]
    elif header.is_grey and not header.has_alpha and header.extra_channels:
        samples = samples[0, ..., np.newaxis]  # such channels come one after the other
    if header.bits < 8:
        most = 2**header.bits - 1
        samples = (samples.astype(np.uint16) * 255 + most // 2) // most
    elif header.bits > 8:
        samples = samples >> (header.bits - 8)
    samples = samples.astype(np.uint8)
    if samples.shape[2] < 3:
        return np.repeat(samples[..., :1], 3, axis=2)
    return samples[..., :3]


def _truncated() -> ImageFailure:
    return ImageFailure(Failure.TRUNCATED, "the JPEG XL ends before its picture does")
