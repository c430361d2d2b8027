"""Compressed files as streams: read once from the front, in bounded memory and size."""

import lzma
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from pipelines.records.first_bytes import Packing

_AT_ONCE_BYTES = 1 << 14  # what is lost at most before a place that is damaged
_PACKED_AT_ONCE_BYTES = 1 << 16
_MAX_GROWTH = 100
_SMALL_BYTES = 64 << 20
_XZ_MAX_MEMORY_BYTES = 256 << 20
_CODECS = {
    Packing.GZIP: "gzip",
    Packing.ZLIB: "gzip",  # which tells the two apart by their first bytes
    Packing.BZIP2: "bz2",
    Packing.ZSTD: "zstd",
}


class PackedError(ValueError):
    """A compressed file that is damaged, cut short, or larger inside than is read."""


class UnpackedFile:
    """What a compressed file holds; its places can only be gone to in order.

    Args:
      file: The compressed file, at its beginning.
      packing: How it is compressed.
      size_bytes: Its size. More than a hundred times that is not unpacked, but for
        small files: photos do not shrink so, bombs do.
    """

    def __init__(self, file: BinaryIO, packing: Packing, size_bytes: int):
        self._chunks = _unpacked_chunks(file, packing)
        self._max_bytes = max(_MAX_GROWTH * size_bytes, _SMALL_BYTES)
        self._chunk = memoryview(b"")
        self._end = 0

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._end - len(self._chunk)

    def seek(self, offset: int) -> int:
        """Go forwards to an offset, or to the end if that comes before.

        Raises:
          PackedError: If what lies in between cannot be unpacked.
        """
        if offset < self.tell():
            raise ValueError(f"cannot go back from {self.tell()} to {offset}")
        while self._end < offset and self._next_chunk():
            pass
        self._chunk = self._chunk[len(self._chunk) - (self._end - offset) :]
        return self.tell()

    def read(self, size: int) -> bytes:
        """Return so many bytes, fewer only at the end.

        Raises:
          PackedError: If they cannot be unpacked.
        """
        parts: list[memoryview] = []
        while size > 0 and (self._chunk or self._next_chunk()):
            parts.append(self._chunk[:size])
            self._chunk = self._chunk[size:]
            size -= len(parts[-1])
        return b"".join(parts)

    def _next_chunk(self) -> bool:
        self._chunk = memoryview(next(self._chunks, b""))
        self._end += len(self._chunk)
        if self._end > self._max_bytes:
            raise PackedError(
                f"it unpacks to more than {_MAX_GROWTH} times its size; unpack it to "
                "have it read"
            )
        return bool(self._chunk)


def _unpacked_chunks(file: BinaryIO, packing: Packing) -> Iterator[bytes]:
    """Yield what a file holds, none of the chunks empty.

    Raises:
      PackedError: If it is damaged or cut short.
    """
    try:
        if packing is Packing.XZ:
            yield from _unpacked_xz(file)
            return
        with pa.CompressedInputStream(file, _CODECS[packing]) as stream:
            while chunk := stream.read(_AT_ONCE_BYTES):
                yield chunk
    except (pa.ArrowException, OSError, lzma.LZMAError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise PackedError(f"it cannot be unpacked ({packing}): {reason}") from error


def _unpacked_xz(file: BinaryIO) -> Iterator[bytes]:
    """Yield what a file holds, in less memory than its header may ask for."""
    packed = _behind_padding(b"", file)
    while packed:
        stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MAX_MEMORY_BYTES)
        while not stream.eof:
            if stream.needs_input and not packed:
                packed = file.read(_PACKED_AT_ONCE_BYTES)
                if not packed:
                    raise EOFError("the file ends too early")
            if data := stream.decompress(packed, _AT_ONCE_BYTES):
                yield data
            packed = b""
        packed = _behind_padding(stream.unused_data, file)


def _behind_padding(packed: bytes, file: BinaryIO) -> bytes:
    """Return where the next stream of a file begins, b"" if there is none."""
    while not (rest := packed.lstrip(b"\0")):
        packed = file.read(_PACKED_AT_ONCE_BYTES)
        if not packed:
            break
    return rest
