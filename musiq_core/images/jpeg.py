"""Decodes JPEG files as the published implementation does: by libjpeg-turbo's fast DCT.

Strict decoding refuses whatever is odd, and says what; the rest of this file decides
what of that costs a picture.
"""

import re
from collections.abc import Callable

import numpy as np
import simplejpeg  # pyright: ignore[reportMissingTypeStubs]
from jaxtyping import UInt8
from PIL import Image

from musiq_core.config import DecodeConfig, JpegDct
from musiq_core.images import pillow_image
from musiq_core.images.jpeg_segments import (
    count_jpeg_scans,
    find_picture_end,
    has_end_mark,
)
from musiq_core.images.stored_image import StoredImage, require_allowed_size
from musiq_core.images.truncation import tells_truncation
from schemas.failures import Failure, ImageFailure

Samples = UInt8[np.ndarray, "height width channels"]

_END_MARK = b"\xff\xd9"
_END_MARK_BEHIND = re.compile(rb"\xff+\xd9")
_HALF_A_MARK = re.compile(rb"[^\xff]\xff\Z")
_BYTES_LEFT = re.compile(r"(\d+) extraneous bytes before marker 0x(d[0-79])")
# The decoder reads so many bytes ahead, and does not count them among those left.
_READ_AHEAD_BYTES = 8
_MOST_RESTARTS_BEHIND = 8
_ALIKE_BYTES = 32
_TEXT = bytes(range(32, 127)) + b"\t\r\n"


def decode_jpeg(data: bytes, config: DecodeConfig) -> StoredImage:
    """Decode the first picture of a JPEG file.

    CMYK becomes RGB as that decoder's owner does it: the published implementation for
    the fast inverse DCT, Pillow for the accurate one.

    Args:
      data: The whole file.
      config: Inverse DCT and limits.

    Raises:
      ImageFailure: As `require_allowed_size`; `too_large` for too many scans.
      Exception: Whatever simplejpeg and Pillow raise.
    """
    with pillow_image.open_header(data, "JPEG") as picture:
        require_allowed_size(*picture.size, config)
        scans = count_jpeg_scans(data)
        if scans > config.max_jpeg_scans:
            raise ImageFailure(
                Failure.TOO_LARGE,
                f"{scans} JPEG scans exceed the limit of {config.max_jpeg_scans}",
            )
        inks = None
        if picture.mode == "CMYK":
            inks = _decode_inks(data, picture, config.jpeg_dct)
            pixels = _inks_to_rgb(inks, config.jpeg_dct)
        else:
            pixels = _decode(data, picture, "RGB", config.jpeg_dct)
        return StoredImage(
            pixels=pixels,
            format=picture.format or "",
            frames=pillow_image.count_frames(picture),
            orientation=pillow_image.read_orientation(picture),
            profile=pillow_image.read_profile(picture),
            inks=inks,
        )


def _decode_inks(
    data: bytes, picture: Image.Image, dct: JpegDct
) -> UInt8[np.ndarray, "height width 4"]:
    """Return the samples of a JPEG in CMYK, 0 for no ink.

    Adobe's programs store them the other way round, and say that they made the file.
    """
    stored = _decode(data, picture, "CMYK", dct)
    return 255 - stored if "adobe_transform" in picture.info else stored


def _inks_to_rgb(
    inks: UInt8[np.ndarray, "height width 4"], dct: JpegDct
) -> UInt8[np.ndarray, "height width 3"]:
    """Return inks as RGB without a profile."""
    if dct == "accurate":
        return pillow_image.inks_to_rgb(inks)
    light = (255 - inks).astype(np.uint16)
    # Products of two bytes fit; the published implementation rounds down.
    return (light[..., :3] * light[..., 3:] // 255).astype(np.uint8)


def _decode(data: bytes, picture: Image.Image, colours: str, dct: JpegDct) -> Samples:
    def decode(data: bytes, *, strict: bool = True) -> Samples:
        return simplejpeg.decode_jpeg(
            data,
            colorspace=colours,
            fastdct=dct == "fast",
            fastupsample=False,
            strict=strict,
        )

    try:
        return decode(data)
    except ValueError as error:
        stop = find_picture_end(data)
        if stop is None:
            is_closed = has_end_mark(data)
        else:
            closed = _without_what_follows(data, stop, decode)
            if closed is not None:
                return closed
            is_closed = _END_MARK_BEHIND.match(data, stop) is not None
        if not is_closed:
            raise ValueError("truncated before all its pixels") from error
        if tells_truncation(error):
            raise
    # The strict decoder also refuses what is harmless, such as stray bytes between
    # segments, and the other one accepts nearly everything. Pillow judges.
    picture.load()
    try:
        return decode(data, strict=False)
    except ValueError:
        # The defect stands in the header, where both are strict.
        if colours == "CMYK":
            return 255 - np.asarray(picture)  # Pillow takes all for Adobe's
        return pillow_image.read_rgb(picture)


def _without_what_follows(
    data: bytes, stop: int, decode: Callable[[bytes], Samples]
) -> Samples | None:
    """Decode a picture that has no end mark where it ends; None if it is cut.

    What follows its last byte is taken for coded data, so the decoder says whether the
    picture is whole with a mark put after it, and how many bytes it had no use for.

    Args:
      data: The whole file.
      stop: What `find_picture_end` says.
      decode: Strict.
    """
    if _HALF_A_MARK.search(data, stop - 2, stop):
        return None  # it ends within a mark, so it was cut
    mark = stop
    for _ in range(_MOST_RESTARTS_BEHIND):
        try:
            samples, end = decode(data[:stop] + _END_MARK), stop
            break
        except ValueError as error:
            left = _BYTES_LEFT.search(str(error))
            if left is None:
                return None
        if left[2] == "d9":
            stop -= int(left[1])
        else:
            stop = data.rfind(bytes.fromhex("ff" + left[2]), 0, stop)
    else:
        return None

    def is_same(coded: bytes) -> bool:
        try:
            return np.array_equal(decode(coded + _END_MARK), samples)
        except ValueError:
            return False

    while end > stop - _READ_AHEAD_BYTES and is_same(data[: end - 1]):
        end -= 1
    coded, rest = data[:end], data[end:mark]
    if _is_alike(coded, rest) or (rest and not _ends_in_ones(coded, is_same)):
        return None
    return samples


def _ends_in_ones(coded: bytes, is_same: Callable[[bytes], bool]) -> bool:
    """Whether the bits of the last byte that code nothing are 1, as they must be."""
    for bit in range(8):
        flipped = coded[:-1] + bytes([coded[-1] ^ 1 << bit])
        if not is_same(flipped):
            return True
        if not coded[-1] >> bit & 1:
            return False
    return True


def _is_alike(coded: bytes, rest: bytes) -> bool:
    """Whether the end of what was decoded is of a kind with the bytes behind it.

    Then a cut picture was filled up with zeros or text, which decode to nonsense. One
    zero is a frequent last byte of coded data.
    """
    tail, head = coded[-_ALIKE_BYTES:], rest[:_ALIKE_BYTES]
    return (_is_text(tail[-12:]) and _is_text(head[:12])) or (
        bool(rest)
        and (tail[-2:] == rest[:1] * 2 or (_is_sparse(tail) and _is_sparse(head)))
    )


def _is_text(some: bytes) -> bool:
    return not some.translate(None, _TEXT)


def _is_sparse(some: bytes) -> bool:
    return (some.count(0) - some.count(b"\xff\0")) * 5 > len(some) * 2
