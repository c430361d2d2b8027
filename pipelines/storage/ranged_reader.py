"""A seekable file over a store that gives any range of bytes."""

import io
from collections.abc import Callable
from typing import BinaryIO

_READ_AHEAD_BYTES = 1 << 20


def open_ranges(fetch: Callable[[int, int], bytes], size_bytes: int) -> BinaryIO:
    """Return a file of `size_bytes`, read by `fetch(start, end)` as it is needed."""
    return io.BufferedReader(_Reader(fetch, size_bytes), _READ_AHEAD_BYTES)


class _Reader(io.RawIOBase):
    """Seekable reads of one object, given a function that fetches from start to end."""

    def __init__(self, fetch: Callable[[int, int], bytes], size: int):
        self._fetch = fetch
        self._size = size
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        place = offset + (0, self._place, self._size)[whence]
        if place < 0:
            raise ValueError(f"negative seek position {place}")
        self._place = place
        return place

    def readinto(self, buffer) -> int:
        data = self._next(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        return self._next(self._size)

    def _next(self, count: int) -> bytes:
        start, end = self._place, min(self._place + count, self._size)
        if start >= end:
            return b""
        data = self._fetch(start, end)
        self._place = end
        return data
