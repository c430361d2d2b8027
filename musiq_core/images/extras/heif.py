"""Reads HEIC and other HEIF files with libheif (the extra `heif`)."""

from typing import Any

import numpy as np

from musiq_core.config import DecodeConfig
from musiq_core.images.extras.decoders import decoder_of
from musiq_core.images.extras.heif_tiles import has_broken_tile
from musiq_core.images.extras.iso_boxes import is_cut, iterate_boxes
from musiq_core.images.stored_image import Rgb, StoredImage, require_allowed_size
from musiq_core.images.truncation import tells_truncation
from schemas.failures import Failure, ImageFailure

_ROW_ALIGNMENT = 64
# What pi_heif does to the decoded rows, it does to as many bytes as the header says.
_AS_DECODED = {
    "convert_hdr_to_8bit": False,
    "hdr_to_16bit": False,
    "remove_stride": False,
}


def decode_heif(data: bytes, config: DecodeConfig) -> StoredImage:
    """Decode the primary picture of a HEIF file.

    The picture is upright: its turns and mirrorings are a part of it, and EXIF's
    orientation, which says the same again, has no effect in HEIF. Samples of 10 and 12
    bits lose their low bits.

    Raises:
      ImageFailure: `too_large`, `truncated`, `undecodable`, or `unsupported_format` for
        another codec than HEVC.
      MemoryError: If there is too little memory.
    """
    # libheif makes up for a tile that is missing.
    if is_cut(data):
        raise _truncated()
    if has_broken_tile(data):
        raise _damaged("tile")
    try:
        file = decoder_of("HEIC/HEIF")(_without_metadata(data), **_AS_DECODED)
        picture = _primary_of(file)
        width, height = picture.size
        require_allowed_size(width, height, config)
        rows = np.array(picture)  # a view would outlive libheif's memory
    except (ImageFailure, MemoryError):
        raise
    except Exception as error:
        raise _as_failure(error) from error
    width, height = picture.size
    samples = rows[:height, :width]
    # If the header lies of the depth, rows are shorter, or longer than they need be.
    longest = 2 * max(width, _ROW_ALIGNMENT) - 1
    if samples.shape[:2] != (height, width) or rows.shape[1] > longest:
        raise _damaged("depth")
    return StoredImage(
        pixels=_as_rgb(samples, picture.info["bit_depth"]),
        format="HEIF",
        frames=len(file),
        profile=_profile_of(picture),
    )


def _without_metadata(data: bytes) -> bytes:
    """Return a file whose EXIF and XMP belong to no picture.

    They are not wanted, and pi_heif crashes over some that are damaged.
    """
    for kind, start, end in iterate_boxes(data):
        if kind == b"meta":
            bare = data[start:end].replace(b"cdsc", b"skip")  # "describes"
            return data[:start] + bare + data[end:]
    return data


def _primary_of(file: Any) -> Any:
    """Return the picture to show; what is coded in another way is not listed."""
    for picture in file:
        if picture.info["primary"]:
            return picture
    raise SyntaxError


def _as_rgb(samples: Any, bits: int) -> Rgb:
    """Return grey or RGB, with or without alpha, of 8 bits or more as RGB of 8."""
    if samples.ndim == 2:
        samples = samples[..., np.newaxis]
    if samples.dtype != np.uint8:
        samples = (samples >> (bits - 8)).astype(np.uint8)
    if samples.shape[2] < 3:
        return np.repeat(samples[..., :1], 3, axis=2)
    return samples[..., :3]


def _profile_of(picture: Any) -> bytes | None:
    profile = picture.info.get("icc_profile")
    return bytes(profile) if profile else None


def _as_failure(error: Exception) -> ImageFailure:
    """Name the reason; libheif's message may quote the file, so it is left out."""
    if tells_truncation(error):
        return _truncated()
    if isinstance(error, SyntaxError) or "not been built in" in str(error):
        return ImageFailure(
            Failure.UNSUPPORTED_FORMAT,
            "the HEIC/HEIF uses a codec or a feature that is not read",
        )
    if isinstance(error, OSError):
        return ImageFailure(
            Failure.TOO_LARGE, "decoding the HEIC/HEIF exceeds the memory limit"
        )
    return _damaged(type(error).__name__)


def _truncated() -> ImageFailure:
    return ImageFailure(Failure.TRUNCATED, "the HEIC/HEIF ends before its picture does")


def _damaged(what: str) -> ImageFailure:
    return ImageFailure(Failure.UNDECODABLE, f"the HEIC/HEIF data is damaged ({what})")
