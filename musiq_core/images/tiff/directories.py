"""The directories of a TIFF file: one for each picture in it, and for smaller copies.

Which of them is the photo is decided here, before anything is decoded.
"""

import dataclasses
import struct
from collections.abc import Iterable, Iterator, Mapping

_SUBFILE_TYPE, _OLD_SUBFILE_TYPE, _SUB_DIRECTORIES = 254, 255, 330
_REDUCED_OR_MASK = 0b101
_OLD_REDUCED = 2
_MOST_DIRECTORIES = 256
# Forms of the count of entries, an entry, and a place in the file.
_CLASSIC, _BIG = ("H", "HHI4s", "I"), ("Q", "HHQ8s", "Q")
# What values are by the code of their kind: their form, or none for bytes and text,
# and their size in bytes. Fractions and floats are not needed.
_KINDS = {
    **{1: ("", 1), 2: ("", 1), 3: ("H", 2), 4: ("I", 4), 6: ("b", 1), 7: ("", 1)},
    **{8: ("h", 2), 9: ("i", 4), 13: ("I", 4), 16: ("Q", 8), 18: ("Q", 8)},
}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Directory:
    """One directory of a TIFF file.

    Attributes:
      offset: Where it lies in the file, in bytes.
      tags: Its whole numbers, or its bytes or text, by the number of their tag.
    """

    offset: int
    tags: Mapping[int, tuple[int, ...] | bytes]

    def numbers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Return the whole numbers of a tag; the default if it holds none."""
        held = self.tags.get(tag)
        return held if isinstance(held, tuple) else default

    def number(self, tag: int, default: int = 0) -> int:
        """Return the first whole number of a tag."""
        return next(iter(self.numbers(tag)), default)

    def content(self, tag: int) -> bytes:
        """Return the bytes or text of a tag; nothing if it holds none."""
        held = self.tags.get(tag)
        return held if isinstance(held, bytes) else b""

    @property
    def pixel_count(self) -> int:
        """Width times height, 0 where one is absent."""
        return self.number(256) * self.number(257)

    @property
    def is_reduced(self) -> bool:
        """Whether it holds a smaller copy of another picture, or a mask."""
        return (
            self.number(_SUBFILE_TYPE) & _REDUCED_OR_MASK != 0
            or self.number(_OLD_SUBFILE_TYPE) == _OLD_REDUCED
        )

    @property
    def children(self) -> tuple[int, ...]:
        """Where the directories lie that belong to this one."""
        return self.numbers(_SUB_DIRECTORIES)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Directories:
    """The directories of a file as far as they can be read, at most 256.

    Attributes:
      pages: Those that follow one another, in their order.
      children: Those that belong to a page.
    """

    pages: tuple[Directory, ...]
    children: tuple[Directory, ...]

    @property
    def full_picture(self) -> Directory | None:
        """The first that is no smaller copy, pages first; else the largest copy."""
        everything = (*self.pages, *self.children)
        whole = (one for one in everything if not one.is_reduced)
        largest = max(everything, key=lambda one: one.pixel_count, default=None)
        return next(whole, largest)


def read_directories(data: bytes) -> Directories:
    """Return the directories of a TIFF file; what cannot be read is left out."""
    reader = _Reader(data)
    pages = tuple(reader.follow(_first_offset(data)))
    children = tuple(
        child
        for page in pages
        for place in page.children
        for child in reader.follow(place)
    )
    return Directories(pages=pages, children=children)


def with_first_directory(data: bytes, offset: int) -> bytes:
    """Return a TIFF file whose first directory is the one at `offset`."""
    if _is_big(data):
        return data[:8] + struct.pack(f"{_order(data)}Q", offset) + data[16:]
    return data[:4] + struct.pack(f"{_order(data)}I", offset) + data[8:]


def append_directory(data: bytes, values: Mapping[int, Iterable[int]]) -> bytes:
    """Return a TIFF file that begins with a directory of its own behind the old data.

    Args:
      data: A TIFF file of less than 4 GiB.
      values: Unsigned numbers of 32 bits by tag.
    """
    order = _order(data)
    start = len(data) + len(data) % 2
    entries, long_values = b"", b""
    values_at = start + 2 + 12 * len(values) + 4
    for tag, numbers in sorted(values.items()):
        numbers = tuple(numbers)
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(packed) > 4:
            place = values_at + len(long_values)
            long_values += packed
            packed = struct.pack(f"{order}I", place)
        entries += struct.pack(f"{order}HHI", tag, 4, len(numbers)) + packed
    header = b"II*\0" if order == "<" else b"MM\0*"
    return b"".join(
        [
            header + struct.pack(f"{order}I", start),
            data[8:] + bytes(len(data) % 2),
            struct.pack(f"{order}H", len(values)),
            entries + bytes(4) + long_values,
        ]
    )


class _Reader:
    """Reads each directory once, and together no more bytes than the file has."""

    def __init__(self, data: bytes):
        self._data = data
        self._order = _order(data)
        self._forms = _BIG if _is_big(data) else _CLASSIC
        self._seen: set[int] = set()
        self._bytes_left = len(data)

    def follow(self, offset: int) -> Iterator[Directory]:
        """Yield the directory at a place and those after it, until a circle closes."""
        while (
            0 < offset < len(self._data)
            and offset not in self._seen
            and len(self._seen) < _MOST_DIRECTORIES
        ):
            self._seen.add(offset)
            tags: dict[int, tuple[int, ...] | bytes] = {}
            try:
                following = self._read_into(tags, offset)
            except (struct.error, OverflowError):  # the file ends before its directory
                following = 0
            if tags:
                yield Directory(offset=offset, tags=tags)
            offset = following

    def _read_into(self, tags: dict[int, tuple[int, ...] | bytes], offset: int) -> int:
        """Fill `tags`, and return where the next directory lies; 0 for none."""
        count_form, entry_form, place_form = self._forms
        (count,) = struct.unpack_from(self._order + count_form, self._data, offset)
        start = offset + struct.calcsize("=" + count_form)
        size = struct.calcsize("=" + entry_form)
        for place in range(start, start + count * size, size):
            tag, kind, number, held = struct.unpack_from(
                self._order + entry_form, self._data, place
            )
            form, unit = _KINDS.get(kind, ("", 0))
            length = number * unit
            if length > len(held):
                (at,) = struct.unpack(self._order + place_form, held)
                held = self._take(at, length)
            if 0 < length <= len(held):
                held = held[:length]
                numbers = f"{self._order}{number}{form}"
                tags[tag] = struct.unpack(numbers, held) if form else held
        (following,) = struct.unpack_from(
            self._order + place_form, self._data, start + count * size
        )
        return following

    def _take(self, at: int, length: int) -> bytes:
        if length > self._bytes_left:
            return b""
        self._bytes_left -= length
        return self._data[at : at + length]


def _first_offset(data: bytes) -> int:
    try:
        if _is_big(data):
            return struct.unpack_from(f"{_order(data)}Q", data, 8)[0]
        return struct.unpack_from(f"{_order(data)}I", data, 4)[0]
    except struct.error:
        return 0


def _order(data: bytes) -> str:
    return "<" if data.startswith(b"II") else ">"


def _is_big(data: bytes) -> bool:
    return 43 in data[2:4]
