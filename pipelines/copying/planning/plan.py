"""Plan: from the rows that were selected to the list of what is copied, and whereto."""

import dataclasses
import hashlib
import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.copying.config import CopyingConfig, Layout
from pipelines.copying.kept_list import NEEDED, NUMBER, ROW, SOURCE, TARGET
from pipelines.copying.planning.packed_names import packed_name
from pipelines.copying.planning.sorted_rows import sorted_rows
from pipelines.copying.planning.target_names import folded, target_name, with_digest
from pipelines.copying.planning.targets import (
    Apart,
    folder_of_plan,
    mark_target,
    require_usable,
)
from pipelines.storage import join, storage_for
from schemas.errors import UsageError

_FILES_OF_A_UNIT = 500
_BYTES_OF_A_UNIT = 1 << 30
_UNITS_OF_A_LIST = 1000
_SUFFIXES = {Layout.WEBDATASET: "tar", Layout.PARQUET: "parquet"}
_IMAGES = "images"


@dataclasses.dataclass(frozen=True, kw_only=True)
class CopyPlan:
    """What is copied.

    Attributes:
      id: Digest of everything that decides what is written.
      photos: How many photos there are.
      size_bytes: Their size.
      files: Names of the files of the list, in order.
      units: How many units of work there are.
    """

    id: str
    photos: int
    size_bytes: int
    files: tuple[str, ...]
    units: int


@dataclasses.dataclass(kw_only=True)
class _Spooled:
    """What is known of the rows once all have been seen.

    Attributes:
      path: Where they lie.
      schema: Of that file.
      photos: How many there are.
      has_packed: Whether some may lie in files of many.
      names: A hash of the folded name of each.
    """

    path: str
    schema: pa.Schema
    photos: int = 0
    has_packed: bool = False
    names: "array[int]" = dataclasses.field(default_factory=lambda: array("Q"))


def plan_copy(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    config: CopyingConfig,
    *,
    sources: Iterable[str] = (),
) -> CopyPlan:
    """Decide on the name of every copy, and write the list beside the copies.

    Memory holds a few batches, the rows of one unit and 8 bytes a row.

    Args:
      batches: The rows that were selected.
      schema: Their columns.
      config: The copy.
      sources: Folders that photos come from, besides those that rows name.

    Raises:
      UsageError: If the target is not apart from the photos or holds something else,
        or the rows lack what copying needs.
      StorageError: If a store fails.
    """
    _require_columns(schema, config)
    apart = Apart(config.target, sources)
    require_usable(config)
    with tempfile.TemporaryDirectory(prefix="musiq-") as folder:
        spooled = _spool(batches, schema, f"{folder}/rows.parquet", config, apart)
        renamed = _renamed(spooled)
        size_bytes = units = 0
        paths: list[str] = []
        for path, count, size in _write_lists(spooled, renamed, folder, config):
            paths.append(path)
            units, size_bytes = units + count, size_bytes + size
        plan = CopyPlan(
            id=_digest(paths, config),
            photos=spooled.photos,
            size_bytes=size_bytes,
            files=tuple(map(os.path.basename, paths)),
            units=units,
        )
        mark_target(config, plan.id)
        kept = folder_of_plan(config.target, plan.id, "kept")
        for path, name in zip(paths, plan.files, strict=True):
            uri = join(kept, name)
            if storage_for(uri).stat(uri) is None:
                storage_for(uri).write_file_if_absent(uri, path)
    return plan


def _require_columns(schema: pa.Schema, config: CopyingConfig) -> None:
    for name in (*NEEDED, *([config.label] if config.label else [])):
        if name not in schema.names:
            raise UsageError(
                f"copying needs the column {name!r}, and the rows have "
                f"{', '.join(schema.names)}"
            )
    if config.layout is Layout.PARQUET and "image" in schema.names:
        raise UsageError(
            "the rows have a column 'image', as shards call their photos; leave it out"
        )
    if config.label and not _is_number(schema.field(config.label).type):
        raise UsageError(
            f"the column {config.label!r} is {schema.field(config.label).type}, and "
            "labels are numbers; name another one"
        )


def _is_number(data_type: pa.DataType) -> bool:
    return pa.types.is_floating(data_type) or pa.types.is_integer(data_type)


def _spool(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    path: str,
    config: CopyingConfig,
    apart: Apart,
) -> _Spooled:
    """Write the rows to this disk with the names that they would have alone."""
    row_type = pa.struct(list(schema))
    facts = [(NUMBER, pa.int64()), (SOURCE, pa.string()), (TARGET, pa.string())]
    spooled = _Spooled(path=path, schema=pa.schema([*facts, (ROW, row_type)]))
    prefix = f"{_IMAGES}/" if config.layout is Layout.TRAINING else ""
    with pq.ParquetWriter(path, spooled.schema, compression="zstd") as writer:
        for batch in batches:
            if not batch.num_rows:
                continue
            named = dict(zip(batch.schema.names, batch.columns, strict=True))
            uris, keys = named["uri"].to_pylist(), named["key"].to_pylist()
            packed = [packed_name(uri) for uri in uris]
            sources = [one.shard if one else "" for one in packed]
            apart.require(sources[n] or uri for n, uri in enumerate(uris))
            targets = [""] * len(uris)
            if not config.layout.is_sharded:
                formats = named.get("format", pa.nulls(len(uris))).to_pylist()
                facts_of = zip(uris, keys, formats, strict=True)
                targets = [prefix + target_name(*facts) for facts in facts_of]
                spooled.names.extend(map(_name_hash, targets))
            if config.label and named[config.label].null_count:
                place = named[config.label].is_null().index(True).as_py()
                raise UsageError(
                    f"{uris[place]} has no {config.label!r}, and every photo of a "
                    "training set has a label; select rows that have one"
                )
            first = spooled.photos
            columns = [
                pa.array(range(first, first + len(uris)), pa.int64()),
                pa.array(sources, pa.string()),
                pa.array(targets, pa.string()),
                pa.StructArray.from_arrays(batch.columns, fields=list(row_type)),
            ]
            spooled.photos += len(uris)
            spooled.has_packed |= any(sources)
            writer.write_batch(pa.record_batch(columns, schema=spooled.schema))
    return spooled


def _name_hash(name: str) -> int:
    digest = hashlib.blake2b(folded(name).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _renamed(spooled: _Spooled) -> dict[int, str]:
    """Return the names of photos whose own another one has, by their numbers.

    Of photos with one name, the one with the first URI keeps it.
    """
    hashes, counts = np.unique(
        np.frombuffer(spooled.names, np.uint64), return_counts=True
    )
    repeated = frozenset(hashes[counts > 1].tolist())
    if not repeated:
        return {}
    wanted: dict[str, list[tuple[str, str, int]]] = {}
    for batch in pq.ParquetFile(spooled.path).iter_batches():
        numbers, targets = (batch.column(n).to_pylist() for n in (NUMBER, TARGET))
        uris = batch.column(ROW).field("uri")
        for place, (number, target) in enumerate(zip(numbers, targets, strict=True)):
            if spooled.names[number] in repeated:
                uri = uris[place].as_py()
                wanted.setdefault(folded(target), []).append((uri, target, number))
    return {
        number: with_digest(target, uri)
        for photos in wanted.values()
        for uri, target, number in sorted(photos)[1:]
    }


def _write_lists(
    spooled: _Spooled, renamed: Mapping[int, str], folder: str, config: CopyingConfig
) -> Iterator[tuple[str, int, int]]:
    """Write the files of the list; yield path, units and size of photos of each.

    Photos of one file of many follow one another, so that it is read for few units.
    """
    rows = (
        sorted_rows(spooled.path, f"{SOURCE}, {NUMBER}")
        if spooled.has_packed
        else pq.ParquetFile(spooled.path).iter_batches()
    )
    tables = (pa.Table.from_batches([one]).cast(spooled.schema) for one in rows)
    number = 0
    writer: pq.ParquetWriter | None = None
    path, count, size = "", 0, 0
    for unit, unit_bytes in _units(tables, config):
        if writer is None:
            path = f"{folder}/{number // _UNITS_OF_A_LIST:05d}.parquet"
            writer = pq.ParquetWriter(path, spooled.schema, compression="zstd")
        named = _with_targets(unit, number, renamed, config)
        writer.write_table(named, row_group_size=max(1, named.num_rows))
        number, count, size = number + 1, count + 1, size + unit_bytes
        if count == _UNITS_OF_A_LIST:
            writer.close()
            yield path, count, size
            writer, count, size = None, 0, 0
    if writer is not None:
        writer.close()
        yield path, count, size


def _units(
    tables: Iterable[pa.Table], config: CopyingConfig
) -> Iterator[tuple[pa.Table, int]]:
    """Yield the rows of each unit with the size of its photos."""
    is_sharded = config.layout.is_sharded
    most_bytes = config.shard_mib << 20 if is_sharded else _BYTES_OF_A_UNIT
    held: list[pa.Table] = []
    count = size = 0
    for table in tables:
        sizes = table.column(ROW).combine_chunks().field("size_bytes")
        start = 0
        for place, size_bytes in enumerate(sizes.to_pylist()):
            size, count = size + (size_bytes or 0), count + 1
            is_full = size >= most_bytes
            if is_full or (not is_sharded and count == _FILES_OF_A_UNIT):
                held.append(table.slice(start, place + 1 - start))
                yield pa.concat_tables(held), size
                held, start, count, size = [], place + 1, 0, 0
        if start < table.num_rows:
            held.append(table.slice(start))
    if held:
        yield pa.concat_tables(held), size


def _with_targets(
    unit: pa.Table, number: int, renamed: Mapping[int, str], config: CopyingConfig
) -> pa.Table:
    place = unit.schema.get_field_index(TARGET)
    if config.layout.is_sharded:
        targets = [f"{number:06d}.{_SUFFIXES[config.layout]}"] * unit.num_rows
    else:
        numbers = unit.column(NUMBER).to_pylist()
        own = unit.column(TARGET).to_pylist()
        pairs = zip(numbers, own, strict=True)
        targets = [renamed.get(number, name) for number, name in pairs]
    column = pa.array(targets, pa.string())
    return unit.set_column(place, unit.schema.field(place), column)


def _digest(paths: Iterable[str], config: CopyingConfig) -> str:
    """Return the digest of the lists and of all that decides what is made of them."""
    found = hashlib.sha256(f"{config.layout} {config.label}".encode())
    for path in paths:
        with open(path, "rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()[:16]
