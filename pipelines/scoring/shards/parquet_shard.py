"""Parquet files with images in a column: one ref a row, the other columns carried."""

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.shards.columns import plain_type, python_values
from pipelines.scoring.shards.image_column import (
    ImageColumn,
    carried_columns,
    find_image_column,
)
from pipelines.scoring.shards.img2dataset_ledger import is_img2dataset, list_downloaded
from pipelines.scoring.shards.parquet_rows import ParquetPart, read_rows
from pipelines.scoring.shards.shard import Shard, ShardFormat
from pipelines.storage import StoredObject
from schemas.failures import Failure, ImageFailure

_BATCH_ROWS = 1000
_ROWS_TOGETHER = 1000


@dataclasses.dataclass(frozen=True)
class ParquetFormat(ShardFormat[ParquetPart]):
    """Parquet files with images in them; img2dataset's ledgers name theirs instead.

    Row groups are compressed as a whole, so images in them cannot be read one by one.
    """

    names = re.compile(r"\.parquet$", re.IGNORECASE)
    part_type = ParquetPart

    def fields(self, shard: Shard, file: BinaryIO) -> tuple[pa.Field, ...]:
        """Return the columns that a file's images carry along."""
        schema = _open(file).schema_arrow
        column = find_image_column(schema, shard.source.image_column)
        return tuple(
            pa.field(ours, plain_type(schema.field(theirs).type))
            for theirs, ours in carried_columns(schema, column).items()
        )

    def claimed_images(self, shard: Shard, file: BinaryIO) -> int | None:
        """Return the number of rows, which the footer of a file with images says."""
        parquet = _open(file)
        column = find_image_column(parquet.schema_arrow, shard.source.image_column)
        return parquet.metadata.num_rows if column else None

    def list(
        self, shard: Shard, found: StoredObject, file: BinaryIO
    ) -> Iterator[ImageRef]:
        """Yield one ref a row: `file.parquet#row=17` is the row after 17 others."""
        parquet = _open(file)
        schema = parquet.schema_arrow
        column = find_image_column(schema, shard.source.image_column)
        if parquet.metadata.num_rows > found.size_bytes:
            raise ImageFailure(
                Failure.UNREADABLE,
                f"it claims {parquet.metadata.num_rows} rows in {found.size_bytes} "
                "bytes",
            )
        if column is not None:
            yield from _list_rows(shard, found, parquet, column)
        elif is_img2dataset(schema):
            rows = _rows(parquet, shard, None, ["key", "status"])
            yield from list_downloaded(shard, (values for _, _, values in rows))
        else:
            raise ImageFailure(
                Failure.UNREADABLE,
                "no column holds images, and it is no ledger of img2dataset; a "
                "manifest is named by an --input of its own",
            )

    def together(self, part: ParquetPart) -> tuple[str, int]:
        """Return a row group, or a thousand rows of it, each read to its last row."""
        rows = part.row // _ROWS_TOGETHER
        return f"{part.row_group} {rows} {part.column}", part.row

    def read(
        self, found: StoredObject, parts: Sequence[ParquetPart], *, max_bytes: int
    ) -> Iterator[bytes | ImageFailure]:
        """Yield the images of one row group in one go, a few at a time."""
        return read_rows(found, parts, max_bytes=max_bytes)


def holds_images(schema: pa.Schema, image_column: str | None) -> bool:
    """Whether a Parquet file is a shard, as far as its schema tells.

    Args:
      schema: The file's schema.
      image_column: The column that the user names, if any.
    """
    try:
        column = find_image_column(schema, image_column)
    except ImageFailure:
        return True  # which listing will tell
    return column is not None or is_img2dataset(schema)


def _list_rows(
    shard: Shard, found: StoredObject, parquet: pq.ParquetFile, column: ImageColumn
) -> Iterator[ImageRef]:
    key_paths = [column.key_path] if column.key_path else []
    for place, (group, row, values) in enumerate(
        _rows(parquet, shard, column, key_paths)
    ):
        key = values.get(column.key_path or "") or f"{shard.key}#row={place}"
        yield shard.ref(
            place=place,
            name=shard.name_of(f"row={place}"),
            key=key,
            carried=values,
            listed=found,
            part=ParquetPart(row_group=group, row=row, column=column.bytes_path),
        )


def _open(file: BinaryIO) -> pq.ParquetFile:
    with _damages():
        return pq.ParquetFile(file, buffer_size=1 << 20)


@contextlib.contextmanager
def _damages() -> Iterator[None]:
    """Turn what pyarrow says of damaged files into the file's failure."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ImageFailure(
            Failure.UNREADABLE, f"it cannot be read as Parquet: {reason}"
        ) from error


def _rows(
    parquet: pq.ParquetFile,
    shard: Shard,
    column: ImageColumn | None,
    paths: Sequence[str],
) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Yield row group, place in it, and values of every row.

    Values are those of the shard's own carried columns by their names in the ledger,
    and those of `paths`, which are columns of text.
    """
    types = {field.name: field.type for field in shard.own_fields}
    carried = {
        theirs: ours
        for theirs, ours in carried_columns(parquet.schema_arrow, column).items()
        if ours in types
    }
    for group in range(parquet.num_row_groups):
        if not carried and not paths:
            count = parquet.metadata.row_group(group).num_rows
            yield from ((group, row, {}) for row in range(count))
            continue
        row = 0
        for batch in _batches(parquet, group, [*carried, *paths]):
            columns = {
                ours: _values(batch.column(theirs), types[ours], theirs)
                for theirs, ours in carried.items()
            }
            for path in paths:
                columns[path] = _values(_at(batch, path), pa.string(), path)
            for index in range(batch.num_rows):
                values = {name: column[index] for name, column in columns.items()}
                yield group, row, values
                row += 1


def _batches(
    parquet: pq.ParquetFile, group: int, columns: list[str]
) -> Iterator[pa.RecordBatch]:
    batches = parquet.iter_batches(_BATCH_ROWS, row_groups=[group], columns=columns)
    while True:
        with _damages():
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def _at(batch: pa.RecordBatch, path: str) -> pa.Array:
    """Return a column, or a field of a column of structs."""
    if path in batch.schema.names:
        return batch.column(path)
    [inner] = batch.column(path.rpartition(".")[0]).flatten()
    return inner


def _values(column: pa.Array, data_type: pa.DataType, name: str) -> list[Any]:
    try:
        return python_values(column, data_type)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise ImageFailure(
            Failure.UNREADABLE,
            f"column {name!r} is {column.type}, which cannot be carried as {data_type}",
        ) from error
