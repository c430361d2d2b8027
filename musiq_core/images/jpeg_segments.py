"""How a JPEG file is divided: what its segments tell before anything decodes it."""

import dataclasses
import re
from collections.abc import Iterator

_END_OF_IMAGE = 0xD9
_START_OF_SCAN = 0xDA
_RESTART_INTERVAL = 0xDD
_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), 0xC2
_ALL_COEFFICIENTS = (1 << 64) - 1

# A marker is a byte FF (or several) and a code. Left out are codes without a segment:
# 00 is an escaped FF inside a scan, 01 and D0 to D8 stand alone.
_MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")
# What ends the data of a scan; between its intervals stand restarts, D0 to D7.
_SCAN_END = re.compile(rb"\xff+(?:[\x01-\xcf\xd8-\xfe]|(?<=\xff\xff)\Z)")
_SCAN_END_OR_RESTART = re.compile(rb"\xff+(?:[\x01-\xfe]|(?<=\xff\xff)\Z)")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """One segment of a JPEG file.

    Attributes:
      code: Its marker without the FF.
      body: What follows the length; nothing of an end mark.
      end: Where it ends in the file.
    """

    code: int
    body: bytes
    end: int


def jpeg_segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments of the first picture of a JPEG file, its end mark last.

    Segments are walked, because a thumbnail or other metadata may hold the bytes of a
    marker. Bytes between segments are skipped, as decoders do.

    Args:
      data: A JPEG file, whole or cut.
    """
    position = 2
    while marker := _MARKER.search(data, position):
        code = marker[1][0]
        length = int.from_bytes(data[marker.end() : marker.end() + 2], "big")
        if code == _END_OF_IMAGE:
            yield Segment(code=code, body=b"", end=marker.end())
        if code == _END_OF_IMAGE or length < 2:
            return
        position = marker.end() + length
        body = data[marker.end() + 2 : position]
        yield Segment(code=code, body=body, end=position)


def count_jpeg_scans(data: bytes) -> int:
    """Return the number of scans in the first picture of a JPEG file.

    Decoding a progressive JPEG passes over the whole picture once a scan, so a small
    file of many scans can occupy a core for minutes. Photographs have at most about 15.

    Args:
      data: A JPEG file, whole or cut.
    """
    return sum(segment.code == _START_OF_SCAN for segment in jpeg_segments(data))


def has_end_mark(data: bytes) -> bool:
    """Whether the first picture of a JPEG file is closed, by whatever comes before."""
    return any(segment.code == _END_OF_IMAGE for segment in jpeg_segments(data))


def find_picture_end(data: bytes) -> int | None:
    """Return where the scans end that a JPEG's picture is made of.

    The data of the last scan may hold anything that is no marker: zeros or other bytes
    behind the picture count as part of it.

    Args:
      data: A JPEG file, whole or cut, with Huffman codes.

    Returns:
      The place of the first marker after the last scan that is needed, or of the end of
      the file; None if a scan is missing, or the coding is another one.
    """
    is_progressive = False
    missing: dict[int, int] = {}
    scan_end = _SCAN_END_OR_RESTART
    for segment in jpeg_segments(data):
        code, body = segment.code, segment.body
        if code in (*_SEQUENTIAL, _PROGRESSIVE):
            is_progressive = code == _PROGRESSIVE
            missing = dict.fromkeys(body[6::3], _ALL_COEFFICIENTS)
        elif code == _RESTART_INTERVAL:
            scan_end = _SCAN_END if any(body) else _SCAN_END_OR_RESTART
        elif code == _START_OF_SCAN and len(body) >= 4:
            for component in body[1:-3:2]:
                sent = _sent_wholly(body) if is_progressive else _ALL_COEFFICIENTS
                missing[component] = missing.get(component, 0) & ~sent
            if not any(missing.values()):
                found = scan_end.search(data, segment.end)
                return found.start() if found else len(data)
    return None


def _sent_wholly(scan_header: bytes) -> int:
    """Return the coefficients, as bits, whose last bit this scan brings."""
    first, last, bits = scan_header[-3:]
    is_last_bit = bits & 15 == 0
    return ((2 << last) - (1 << first)) if is_last_bit and first <= last < 64 else 0
