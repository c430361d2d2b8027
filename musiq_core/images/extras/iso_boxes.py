"""The boxes that files of the ISO base media format are made of, such as HEIF."""

import struct
from collections.abc import Iterator

_HEADER_BYTES = 8
_OF_PICTURES = (b"ftyp", b"meta", b"mdat")


def iterate_boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start of the content and end of every box of a file.

    The last end lies behind the file if the file is cut.
    """
    at = 0
    while at + _HEADER_BYTES <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + _HEADER_BYTES
        if size == 1 and start + 8 <= len(data):  # a long box
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        end = at + size if size else len(data)  # without a size, to the end
        yield kind, start, max(start, end)
        at = max(start, end)


def is_cut(data: bytes) -> bool:
    """Whether a file ends within a box that pictures are made of.

    What follows the boxes, such as a camera maker's own data, need not be one.
    """
    ends = [end for kind, _, end in iterate_boxes(data) if kind in _OF_PICTURES]
    return max(ends, default=0) > len(data)
