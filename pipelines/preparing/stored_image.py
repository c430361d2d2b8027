"""The form in which an image is stored: one that every decoder reads alike."""

import io
import re

import simplejpeg
from PIL import Image

from musiq_core.config import LARGEST_MAX_PIXELS, DecodeConfig
from musiq_core.images.decode import DecodedImage, decode_image

# Huffman-coded with 8 bits, sequential or progressive, with 1 or 3 components; a
# segment before it may hold a thumbnail, so segments are walked.
_SEGMENT = re.compile(rb"\xff+([\x01-\xfe])")
_START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PLAIN_FRAMES = {0xC0, 0xC1, 0xC2}
_DECODING = DecodeConfig(max_pixels=LARGEST_MAX_PIXELS)


def stored_image(data: bytes, *, shorter_side: int | None = None) -> bytes:
    """Return the file that stands for an image in a training example.

    A plain upright JPEG stays as it is, byte for byte. Everything else is decoded,
    turned upright and stored as an RGB PNG without loss: other formats, CMYK, several
    pictures in one file, EXIF rotation, defects that decoders mend differently.

    Args:
      data: The file of the release.
      shorter_side: Resize to this many pixels, with antialiasing; None keeps the size.

    Raises:
      ImageFailure: If no decoder can read it.
    """
    decoded = decode_image(data, _DECODING)
    is_resized = shorter_side not in (None, min(decoded.size))
    if not is_resized and _is_plain_jpeg(data, decoded):
        return data
    picture = Image.fromarray(decoded.pixels)
    if is_resized:
        picture = _resized(picture, shorter_side or 0)
    return _png(picture)


def _is_plain_jpeg(data: bytes, decoded: DecodedImage) -> bool:
    if decoded.format != "JPEG" or decoded.orientation != 1:
        return False
    kind, components = _frame_header(data)
    if kind not in _PLAIN_FRAMES or components not in (1, 3):
        return False
    try:  # an eighth of the size is enough to meet every defect
        simplejpeg.decode_jpeg(data, strict=True, min_height=1, min_width=1)
    except ValueError:
        return False
    return True


def _frame_header(data: bytes) -> tuple[int, int]:
    """Return the code of a JPEG's frame and how many components it has."""
    position = 2
    while match := _SEGMENT.match(data, position):
        code, start = match[1][0], match.end()
        if code in _START_OF_FRAME:
            return code, int.from_bytes(data[start + 7 : start + 8], "big")
        position = start + int.from_bytes(data[start : start + 2], "big")
    return 0, 0


def _resized(picture: Image.Image, shorter_side: int) -> Image.Image:
    ratio = shorter_side / min(picture.size)
    width, height = (max(shorter_side, round(side * ratio)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BICUBIC)


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
