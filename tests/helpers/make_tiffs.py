"""Writes TIFF files of any layout of samples, byte for byte."""

import struct
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

Tags = Mapping[int, Sequence[int] | bytes]

_BYTES, _TEXT, _SHORT, _LONG, _LONG_8 = 1, 2, 3, 4, 16
_LETTERS = {_SHORT: "H", _LONG: "I", _LONG_8: "Q"}
_LONG_TAGS = {256, 257, 273, 279, 324, 325, 330}


def tiff_of(
    samples: np.ndarray,
    *,
    photometric: int = 1,
    order: str = "<",
    bits: int | None = None,
    planar: bool = False,
    tile: int | None = None,
    rows_per_strip: int = 5,
    deflate: bool = False,
    predictor: bool = False,
    big: bool = False,
    tags: Tags | None = None,
) -> bytes:
    """One picture of unsigned samples [height, width, channels], or of float32."""
    directory, body = page_of(
        samples,
        photometric=photometric,
        order=order,
        bits=bits,
        planar=planar,
        tile=tile,
        rows_per_strip=rows_per_strip,
        deflate=deflate,
        predictor=predictor,
        start=16 if big else 8,
        tags=tags,
    )
    return file_of([directory], body, order=order, big=big)


def page_of(
    samples: np.ndarray,
    *,
    photometric: int = 1,
    order: str = "<",
    bits: int | None = None,
    planar: bool = False,
    tile: int | None = None,
    rows_per_strip: int = 5,
    deflate: bool = False,
    predictor: bool = False,
    start: int = 8,
    tags: Tags | None = None,
) -> tuple[dict, bytes]:
    """The tags of a picture, and its data, which begin at `start` in the file."""
    height, width, channels = samples.shape
    bits = bits or samples.itemsize * 8
    planes = [samples[..., [c]] for c in range(channels)] if planar else [samples]
    parts = [part for plane in planes for part in _parts(plane, tile, rows_per_strip)]
    packed = [_packed(part, bits, order, predictor) for part in parts]
    if deflate:
        packed = [zlib.compress(part) for part in packed]
    places = np.cumsum([start, *map(len, packed)]).tolist()
    offsets, sizes = (324, 325) if tile else (273, 279)
    return {
        **{256: [width], 257: [height], 258: [bits] * channels},
        **{259: [8 if deflate else 1], 262: [photometric], 277: [channels]},
        **{offsets: places[:-1], sizes: list(map(len, packed))},
        **({322: [tile], 323: [tile]} if tile else {278: [rows_per_strip]}),
        **({284: [2]} if planar else {}),
        **({317: [2]} if predictor else {}),
        **(tags or {}),
    }, b"".join(packed)


def file_of(
    directories: Sequence[Tags],
    body: bytes,
    *,
    order: str = "<",
    big: bool = False,
    children: Sequence[Tags] = (),
) -> bytes:
    """A file of directories that follow one another; the first has the children."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(
        f"{order}HHH" if big else f"{order}H", *((43, 8, 0) if big else (42,))
    )
    place = len(head) + (8 if big else 4) + len(body)
    first = place
    written = b""
    child_places = []
    for child in children:
        child_places.append(place)
        packed = _directory(child, place, 0, order, big)
        written, place = written + packed, place + len(packed)
        first = place
    for index, tags in enumerate(directories):
        if index == 0 and child_places:
            tags = {**tags, 330: child_places}
        size = len(_directory(tags, place, 0, order, big))
        following = place + size if index + 1 < len(directories) else 0
        written += _directory(tags, place, following, order, big)
        place += size
    return head + struct.pack(f"{order}{'Q' if big else 'I'}", first) + body + written


def _directory(tags: Tags, place: int, following: int, order: str, big: bool) -> bytes:
    count, inline, letter = ("Q", 8, "Q") if big else ("H", 4, "I")
    entry = f"{order}HH{letter}"
    entries, behind = b"", b""
    start = struct.calcsize(f"={count}") + len(tags) * (20 if big else 12) + inline
    for tag, values in sorted(tags.items()):
        kind, number, packed = _value(tag, values, order, big)
        if len(packed) > inline:
            at = place + start + len(behind)
            behind += packed + bytes(len(packed) % 2)
            packed = struct.pack(f"{order}{letter}", at)
        entries += struct.pack(entry, tag, kind, number) + packed.ljust(inline, b"\0")
    return (
        struct.pack(f"{order}{count}", len(tags))
        + entries
        + struct.pack(f"{order}{letter}", following)
        + behind
    )


def _value(
    tag: int, values: Sequence[int] | bytes, order: str, big: bool
) -> tuple[int, int, bytes]:
    if isinstance(values, bytes):
        kind = _TEXT if values.endswith(b"\0") else _BYTES
        return kind, len(values), values
    kind = (_LONG_8 if big else _LONG) if tag in _LONG_TAGS else _SHORT
    packed = struct.pack(f"{order}{len(values)}{_LETTERS[kind]}", *values)
    return kind, len(values), packed


def _parts(plane: np.ndarray, tile: int | None, rows: int) -> list[np.ndarray]:
    height, width, _ = plane.shape
    if not tile:
        return [plane[top : top + rows] for top in range(0, height, rows)]
    padded = np.pad(plane, ((0, -height % tile), (0, -width % tile), (0, 0)))
    return [
        padded[top : top + tile, left : left + tile]
        for top in range(0, height, tile)
        for left in range(0, width, tile)
    ]


def _packed(part: np.ndarray, bits: int, order: str, predictor: bool) -> bytes:
    if predictor:
        part = np.diff(part, axis=1, prepend=part.dtype.type(0))
    if bits == part.itemsize * 8:
        return part.astype(part.dtype.newbyteorder(order)).tobytes()
    rows = part.reshape(len(part), -1, 1)
    places = np.arange(bits - 1, -1, -1)
    each = (rows >> places & 1).astype(np.uint8).reshape(len(part), -1)
    return np.packbits(each, axis=1).tobytes()
