"""Shards of copies: tars after WebDataset, or Parquet; the same bytes every time.

A sample is called by its photo's number among the rows that were selected, so that no
name of a photo decides on one in a shard.
"""

import abc
import hashlib
import io
import tarfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.copying.kept_list import KeptPhoto, KeptUnit
from pipelines.copying.planning.target_names import image_suffix
from pipelines.scoring.carried.as_text import json_text

_GROUP_BYTES = 32 << 20


def sample_name(photo: KeptPhoto) -> str:
    """Return the name of a photo in its shard, such as `000000017.jpg`."""
    suffix = image_suffix(photo.format)
    if photo.format is None:
        last = photo.uri[photo.uri.rfind("/") + 1 :]
        _, dot, ending = last.rpartition(".")
        suffix = ending.lower() if dot and ending.isalnum() else "image"
    return f"{photo.number:09d}.{suffix}"


class ShardWriter(abc.ABC):
    """Writes the photos of a unit into one file.

    Args:
      file: The file, at its beginning.
      unit: The unit.
    """

    def __init__(self, file: BinaryIO, unit: KeptUnit):
        self.file = file
        self.unit = unit
        self.places = {photo.number: n for n, photo in enumerate(unit.photos)}

    @abc.abstractmethod
    def add(self, photo: KeptPhoto, data: bytes) -> None:
        """Write a photo with what the ledger says of it."""

    @abc.abstractmethod
    def close(self) -> None:
        """Write what ends the file."""

    @staticmethod
    @abc.abstractmethod
    def digests(file: BinaryIO) -> Iterator[tuple[str, str]]:
        """Yield name and SHA-256 of each photo in a file of this kind."""


class TarWriter(ShardWriter):
    """A tar shard: `000000017.jpg`, and `000000017.json` with the ledger's row."""

    def __init__(self, file: BinaryIO, unit: KeptUnit):
        super().__init__(file, unit)
        self._tar = tarfile.TarFile(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT)
        self._said: list[dict[str, Any]] = unit.said()

    def add(self, photo: KeptPhoto, data: bytes) -> None:
        """Write two members, with neither times nor owners."""
        name = sample_name(photo)
        said = json_text(self._said[self.places[photo.number]]).encode()
        stem = name.partition(".")[0]
        for member, content in ((name, data), (f"{stem}.json", said)):
            info = tarfile.TarInfo(member)
            info.size = len(content)
            self._tar.addfile(info, io.BytesIO(content))

    def close(self) -> None:
        """Write the end mark."""
        self._tar.close()

    @staticmethod
    def digests(file: BinaryIO) -> Iterator[tuple[str, str]]:
        """Yield the members that are no JSON."""
        with tarfile.open(fileobj=file, mode="r|") as tar:
            for member in tar:
                content = tar.extractfile(member)
                if content is not None and not member.name.endswith(".json"):
                    yield member.name, hashlib.sha256(content.read()).hexdigest()


class ParquetWriter(ShardWriter):
    """A Parquet shard: `image`, of bytes and path, and the ledger's columns."""

    def __init__(self, file: BinaryIO, unit: KeptUnit):
        super().__init__(file, unit)
        self._image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        fields = [pa.field("image", self._image), *unit.rows.type]
        self._schema = pa.schema(fields)
        self._parquet = pq.ParquetWriter(file, self._schema, compression="zstd")
        self._held: list[tuple[int, dict[str, Any]]] = []
        self._held_bytes = 0

    def add(self, photo: KeptPhoto, data: bytes) -> None:
        """Hold a photo until there are enough for a row group."""
        image = {"bytes": data, "path": sample_name(photo)}
        self._held.append((self.places[photo.number], image))
        self._held_bytes += len(data)
        if self._held_bytes >= _GROUP_BYTES:
            self._write()

    def close(self) -> None:
        """Write what is held, and the footer."""
        self._write()
        self._parquet.close()

    def _write(self) -> None:
        if not self._held:
            return
        places, images = zip(*self._held, strict=True)
        rows = self.unit.rows.take(pa.array(places))
        columns = [pa.array(images, self._image), *rows.flatten()]
        self._parquet.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        self._held, self._held_bytes = [], 0

    @staticmethod
    def digests(file: BinaryIO) -> Iterator[tuple[str, str]]:
        """Yield the rows' images."""
        for batch in pq.ParquetFile(file).iter_batches(8, columns=["image"]):
            for image in batch.column(0).to_pylist():
                yield image["path"], hashlib.sha256(image["bytes"]).hexdigest()
