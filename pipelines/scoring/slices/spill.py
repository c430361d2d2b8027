"""Spill: what one machine's memory cannot hold lies on its disk, divided into parts.

It stands where the whole graph has a shuffle, and has values as a shuffle has them, in
Beam's own coding. A file holds what one worker has gathered up to some size: the place
of each part in it, how many values each part has, and the parts, compressed. Nothing
that a failed start has written is ever read, since the names of files go from hand to
hand.
"""

import dataclasses
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from apache_beam import coders

from pipelines.dofns import BundleDoFn
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.planning.plan import ContentCheck, JournalEntry, KeptRow
from schemas.errors import MusiqError
from schemas.ledger import shard_of

_BUFFER_BYTES = 32 * 2**20
_NUMBER_BYTES = 8
_CODING = coders.FastPrimitivesCoder()

Spilled = ImageRef | JournalEntry | KeptRow | ContentCheck


class SpillError(MusiqError):
    """What does not fit into memory could not be kept on the local disk either."""

    @classmethod
    def of(cls, path: str, error: OSError) -> "SpillError":
        """Return the error after an attempt to write below a path."""
        return cls(
            f"cannot keep what is planned on the local disk, at {path}: "
            f"{error.strerror}; nothing was published; set TMPDIR to a folder with "
            "more space, about 100 bytes an image"
        )


@dataclasses.dataclass(frozen=True)
class Spill:
    """Values on the local disk by part.

    Attributes:
      files: The files that hold them.
      parts: How many parts there are.
    """

    files: tuple[str, ...]
    parts: int

    def count(self) -> np.ndarray:
        """Return how many values each part has, int64 of shape (parts,)."""
        total = np.zeros(self.parts, np.int64)
        for path in self.files:
            with open(path, "rb") as file:
                file.seek((self.parts + 1) * _NUMBER_BYTES)
                total += np.frombuffer(file.read(self.parts * _NUMBER_BYTES), np.int64)
        return total

    def read(self, part: int) -> Iterator[Any]:
        """Yield the values of one part."""
        for path in self.files:
            with open(path, "rb") as file:
                file.seek(part * _NUMBER_BYTES)
                start, end = np.frombuffer(file.read(2 * _NUMBER_BYTES), np.int64)
                file.seek(start)
                data = file.read(end - start)
            if data:
                yield from _unpacked(data)


def write_spill(
    values: Mapping[int, bytes | bytearray], counts: np.ndarray, folder: str
) -> str:
    """Write coded values into a new file.

    Args:
      values: Those of each part that has some, one after another, each with its length
        before it.
      counts: How many each part has, int64 of shape (parts,).
      folder: Where the file shall lie.

    Returns:
      Its path.

    Raises:
      SpillError: If it cannot be written.
    """
    packed = [_packed(values.get(part, b"")) for part in range(len(counts))]
    head_bytes = (2 * len(counts) + 1) * _NUMBER_BYTES
    places = head_bytes + np.cumsum([0, *map(len, packed)], dtype=np.int64)
    path = str(Path(folder, uuid.uuid4().hex))
    try:
        with open(path, "xb") as file:
            file.writelines([places.tobytes(), counts.tobytes(), *packed])
    except OSError as error:
        raise SpillError.of(folder, error) from error
    return path


def uri_of(value: Spilled) -> str:
    """Return the URI by which a value falls into its part."""
    return value.ref.uri if isinstance(value, ContentCheck) else value.uri


class SpillValues(BundleDoFn):
    """`write_spill` for what has come together; emits the files' paths."""

    def __init__(self, folder: str, parts: int):
        self._folder = folder
        self._parts = parts

    def start_bundle(self):
        """Start with nothing gathered."""
        self._coded = defaultdict[int, bytearray](bytearray)
        self._counts = np.zeros(self._parts, np.int64)
        self._bytes = 0

    def process(self, value: Spilled) -> Iterator[str]:
        """Take a value, and emit a path if there is enough for a file."""
        part = shard_of(uri_of(value), self._parts)
        coded = _CODING.encode(value)
        self._coded[part] += len(coded).to_bytes(_NUMBER_BYTES) + coded
        self._counts[part] += 1
        self._bytes += len(coded)
        if self._bytes >= _BUFFER_BYTES:
            yield from self.drain()

    def drain(self) -> Iterator[str]:
        """Yield the path of what is still gathered."""
        if self._bytes:
            yield write_spill(self._coded, self._counts, self._folder)
        self.start_bundle()


def _packed(values: bytes | bytearray) -> bytes:
    return pa.compress(pa.py_buffer(values), "zstd", asbytes=True) if values else b""


def _unpacked(data: bytes) -> Iterator[Any]:
    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        values = stream.read()
    start = 0
    while start < len(values):
        first = start + _NUMBER_BYTES
        start = first + int.from_bytes(values[start:first])
        yield _CODING.decode(values[first:start])
