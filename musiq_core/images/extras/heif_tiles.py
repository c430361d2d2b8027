"""Finds tiles of a HEIF picture whose data is no HEVC: libheif leaves them black.

Source: ISO/IEC 14496-12 (boxes `pitm`, `iref`, `iloc`) and 14496-15 (samples of HEVC).
"""

import struct
from collections.abc import Sequence

from musiq_core.images.extras.iso_boxes import iterate_boxes

_FULL_BOX_BYTES = 4
_LENGTH_BYTES = 4
_SHORTEST_UNIT_BYTES = 2

_Extents = Sequence[tuple[int, int]]


def has_broken_tile(data: bytes) -> bool:
    """Whether the primary picture is made of tiles of which one cannot be whole.

    A file that is not understood here has none; libheif judges it.
    """
    try:
        boxes = _boxes_of_meta(data)
        tiles = _tiles_of_primary(boxes)
        extents = _extents(boxes[b"iloc"]) if tiles else {}
        return any(not _is_whole(data, extents[tile]) for tile in tiles)
    except (KeyError, IndexError, struct.error):
        return False


def _boxes_of_meta(data: bytes) -> dict[bytes, bytes]:
    for kind, start, end in iterate_boxes(data):
        if kind == b"meta":
            meta = data[start + _FULL_BOX_BYTES : end]
            return {k: meta[s:e] for k, s, e in iterate_boxes(meta)}
    raise KeyError("meta")


def _tiles_of_primary(boxes: dict[bytes, bytes]) -> set[int]:
    """Return the items that the primary picture is put together of."""
    pitm, iref = boxes[b"pitm"], boxes.get(b"iref", b"")
    (primary,) = struct.unpack_from(">I" if pitm[:1] != b"\0" else ">H", pitm, 4)
    item = "I" if iref[:1] == b"\1" else "H"
    references = iref[_FULL_BOX_BYTES:]
    for kind, start, _ in iterate_boxes(references):
        number, count = struct.unpack_from(f">{item}H", references, start)
        if kind == b"dimg" and number == primary:
            at = start + struct.calcsize(f">{item}H")
            return set(struct.unpack_from(f">{count}{item}", references, at))
    return set()


def _extents(iloc: bytes) -> dict[int, _Extents]:
    """Return offset and length of the parts of each item that lies in the file."""
    version, sizes = iloc[0], struct.unpack_from(">H", iloc, 4)[0]
    offset_bytes, length_bytes, base_bytes, index_bytes = (
        sizes >> shift & 15 for shift in (12, 8, 4, 0)
    )
    at = 6

    def number(size: int) -> int:
        nonlocal at
        at += size
        if at > len(iloc):
            raise struct.error
        return int.from_bytes(iloc[at - size : at], "big")

    found: dict[int, _Extents] = {}
    for _ in range(number(4 if version == 2 else 2)):
        item = number(4 if version == 2 else 2)
        is_elsewhere = bool(number(2) & 15) if version else False
        number(2)  # of the file of which it is a part: this one
        base = number(base_bytes)
        parts: list[tuple[int, int]] = []
        for _ in range(number(2)):
            number(index_bytes if version else 0)
            parts.append((base + number(offset_bytes), number(length_bytes)))
        if not is_elsewhere:
            found[item] = parts
    return found


def _is_whole(data: bytes, extents: _Extents) -> bool:
    """Whether an item consists of units with their lengths, as HEVC does."""
    if sum(length for _, length in extents) > len(data):
        return False
    item = b"".join(data[offset : offset + length] for offset, length in extents)
    at = 0
    while at + _LENGTH_BYTES <= len(item):
        (length,) = struct.unpack_from(">I", item, at)
        if length < _SHORTEST_UNIT_BYTES:
            return False
        at += _LENGTH_BYTES + length
    return 0 < at == len(item)
