"""The list of a copy's photos, in Parquet files beside the copies.

Each row group is one unit of work: the photos of one shard, or some hundreds of files.
Workers read their units by name, so that no row crosses a shuffle.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.scoring.carried.as_text import json_values
from pipelines.storage import join, storage_for

# What the copy adds; the row of the ledger stands beside it, whatever its columns.
NUMBER, SOURCE, TARGET, ROW = "number", "source", "target", "row"
NEEDED = ("uri", "key", "size_bytes", "generation", "sha256")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """One unit of work.

    Attributes:
      file: Name of the list's file.
      group: Number of the row group.
    """

    file: str
    group: int

    @property
    def name(self) -> str:
        """Its name among all units of the copy, in their order."""
        return f"{self.file.removesuffix('.parquet')}-{self.group:05d}"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class KeptPhoto:
    """A photo that is to be copied.

    Attributes:
      number: Its place among the rows that were selected.
      source: The file of images that it lies in, perhaps; "" of a file of its own.
      target: Name of its copy, or of the shard that holds it, below the folder.
      uri: The photo.
      size_bytes: Its size.
      generation: The version of its file that was scored.
      sha256: Digest of the bytes that were scored.
      format: Such as "JPEG"; None if the row does not say.
    """

    number: int
    source: str
    target: str
    uri: str
    size_bytes: int | None
    generation: str | None
    sha256: str | None
    format: str | None

    def refuse_unpinned(self) -> str | None:
        """Return why a photo cannot be copied as it was scored; None if it can."""
        known = (self.size_bytes, self.generation, self.sha256)
        if None not in known:
            return None
        return "the ledger does not say which bytes were scored"


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeptUnit:
    """The photos of one unit.

    Attributes:
      unit: Which it is.
      photos: Its photos.
      rows: The ledger's row of each, a struct.
    """

    unit: Unit
    photos: tuple[KeptPhoto, ...]
    rows: pa.StructArray

    @property
    def target(self) -> str:
        """The shard that holds all of them."""
        return self.photos[0].target

    def said(self) -> list[dict[str, Any]]:
        """Return the rows as JSON has them."""
        return json_values(self.rows)


def units_of(folder: str, file: str) -> Iterator[Unit]:
    """Yield the units that one file of the list holds."""
    with storage_for(folder).open_read(join(folder, file)) as stream:
        groups = pq.ParquetFile(stream).num_row_groups
    for group in range(groups):
        yield Unit(file=file, group=group)


def read_unit(folder: str, unit: Unit) -> KeptUnit:
    """Return the photos of a unit.

    Args:
      folder: That of the list's files.
      unit: The unit.

    Raises:
      StorageError: If the store fails.
    """
    with storage_for(folder).open_read(join(folder, unit.file)) as stream:
        table = pq.ParquetFile(stream).read_row_group(unit.group).combine_chunks()
    rows = table.column(ROW).chunk(0)
    columns: dict[str, list[Any]] = {
        name: table.column(name).to_pylist() for name in (NUMBER, SOURCE, TARGET)
    }
    for name in ("uri", "size_bytes", "generation", "sha256"):
        columns[name] = rows.field(name).to_pylist()
    has_format = rows.type.get_field_index("format") >= 0
    columns["format"] = rows.field("format").to_pylist() if has_format else []
    if not has_format:
        columns["format"] = [None] * len(rows)
    names = list(columns)
    photos = tuple(
        KeptPhoto(**dict(zip(names, values, strict=True)))
        for values in zip(*columns.values(), strict=True)
    )
    return KeptUnit(unit=unit, photos=photos, rows=rows)
