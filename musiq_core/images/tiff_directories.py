"""The directories of a TIFF file: one for each picture in it, and for smaller copies.

Which of them is the photo is decided here, before anything is decoded.
"""

import dataclasses
import io
import struct
from collections.abc import Iterable, Mapping
from typing import Any, cast

from PIL import TiffImagePlugin

_SUBFILE_TYPE, _OLD_SUBFILE_TYPE, _SUB_DIRECTORIES = 254, 255, 330
_REDUCED_OR_MASK = 0b101
_OLD_REDUCED = 2
_MOST_DIRECTORIES = 256


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Directory:
    """One directory of a TIFF file.

    Attributes:
      offset: Where it lies in the file, in bytes.
      tags: Its values by the number of their tag; one value, or a tuple of several.
    """

    offset: int
    tags: Mapping[int, Any]

    def numbers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Return the whole numbers of a tag; the default if it holds anything else."""
        held = self.get(tag)
        values = cast(tuple[Any, ...], held if isinstance(held, tuple) else (held,))
        return values if all(isinstance(value, int) for value in values) else default

    def number(self, tag: int, default: int = 0) -> int:
        """Return the first whole number of a tag."""
        return next(iter(self.numbers(tag)), default)

    def get(self, tag: int) -> Any:
        """Return what a tag holds; None if it is absent or cannot be read."""
        try:
            return self.tags.get(tag)
        except Exception:  # values are unpacked when they are asked for
            return None

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
    pages: list[Directory] = []
    children: list[Directory] = []
    seen: set[int] = set()
    offset = _first_offset(data)
    while page := _read_directory(data, offset, seen):
        pages.append(page[0])
        offset = page[1]
    for parent in pages:
        for child in parent.children:
            while found := _read_directory(data, child, seen):
                children.append(found[0])
                child = found[1]
    return Directories(pages=tuple(pages), children=tuple(children))


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


def _read_directory(
    data: bytes, offset: int, seen: set[int]
) -> tuple[Directory, int] | None:
    """Return a directory and where the next one lies; None at the end or in a loop."""
    if not 0 < offset < len(data) or offset in seen or len(seen) >= _MOST_DIRECTORIES:
        return None
    seen.add(offset)
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[: 16 if _is_big(data) else 8])
        file = io.BytesIO(data)
        file.seek(offset)
        tags.load(file)
    except (MemoryError, RecursionError):
        raise
    except Exception:
        return None
    return Directory(offset=offset, tags=tags), tags.next or 0


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
