"""The chunks of a PNG file: those that make its picture, and those that do not."""

import zlib
from collections.abc import Iterator

_SIGNATURE_BYTES = 8
_FRAME_BYTES = 12  # length, kind and checksum of a chunk
_OF_PICTURE = (b"IHDR", b"PLTE", b"IDAT", b"IEND")


def without_side_chunks(data: bytes) -> bytes:
    """Return a PNG file of nothing but the chunks that make its picture.

    A side chunk whose length is damaged hides what follows it, so the next chunk of the
    picture is looked for by its kind and checksum.

    Args:
      data: A PNG file, whole or cut.
    """
    return data[:_SIGNATURE_BYTES] + b"".join(_chunks_of_picture(data))


def _chunks_of_picture(data: bytes) -> Iterator[bytes]:
    position = _SIGNATURE_BYTES
    while position + _FRAME_BYTES <= len(data):
        kind = data[position + 4 : position + 8]
        end = _end_of_chunk(data, position)
        if kind in _OF_PICTURE:
            yield data[position:end]  # damaged or not: that is for the decoder to say
        elif end > len(data) or not _is_whole(data, position):
            end = _next_of_picture(data, position + 8)
        position = end


def _next_of_picture(data: bytes, start: int) -> int:
    """Return where the next undamaged chunk of the picture begins, or the end."""
    found = (data.find(kind, start) for kind in _OF_PICTURE)
    places = sorted(place - 4 for place in found if place > 0)
    for place in places:
        if _is_whole(data, place):
            return place
    return len(data)


def _end_of_chunk(data: bytes, position: int) -> int:
    length = int.from_bytes(data[position : position + 4], "big")
    return position + _FRAME_BYTES + length


def _is_whole(data: bytes, position: int) -> bool:
    end = _end_of_chunk(data, position)
    checksum = int.from_bytes(data[end - 4 : end], "big")
    return end <= len(data) and zlib.crc32(data[position + 4 : end - 4]) == checksum
