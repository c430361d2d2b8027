"""Parquet files with images in a column: one ref a row, the other columns carried."""

import contextlib
import dataclasses
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.scoring.carried.convert import convert
from pipelines.scoring.carried.layout import Carried
from pipelines.scoring.carried.rows import (
    carry_arrow,
    plain_column,
    require_distinct,
)
from pipelines.scoring.carried.transport import to_python
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.shards.image_column import (
    ImageColumn,
    carried_fields,
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

    def list(
        self, shard: Shard, found: StoredObject, file: BinaryIO
    ) -> Iterator[ImageRef]:
        """Yield one ref a row: `file.parquet#row=17` is the row after 17 others."""
        parquet = _open(file)
        schema = parquet.schema_arrow
        require_distinct(schema.names)
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
            rows = _rows(parquet, None, ["key", "status"])
            yield from list_downloaded(
                shard, ((key, status, said) for _, _, (key, status), said in rows)
            )
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
    for place, (group, row, keys, carried) in enumerate(
        _rows(parquet, column, key_paths)
    ):
        key = next(iter(keys), None) or f"{shard.key}#row={place}"
        yield shard.ref(
            place=place,
            name=shard.name_of(f"row={place}"),
            key=key,
            carried=carried,
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
    parquet: pq.ParquetFile, column: ImageColumn | None, paths: Sequence[str]
) -> Iterator[tuple[int, int, tuple[str | None, ...], Carried]]:
    """Yield row group, place in it, texts at `paths` and what is carried, by row."""
    carried = carried_fields(parquet.schema_arrow, column)
    for group in range(parquet.num_row_groups):
        row = 0
        for batch, count in _batches(parquet, group, [*carried.paths, *paths]):
            columns = {
                field.name: plain_column(
                    field.name, batch.column(field.name), field.type
                )
                for field in carried.fields
            }
            said = carry_arrow(columns, count=count, left_out=carried.left_out)
            texts = [to_python(convert(_at(batch, p), pa.string())) for p in paths]
            keys = zip(*texts, strict=True) if texts else itertools.repeat((), count)
            for texts_of_row, carried_of_row in zip(keys, said, strict=True):
                yield group, row, texts_of_row, carried_of_row
                row += 1


def _batches(
    parquet: pq.ParquetFile, group: int, columns: list[str]
) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Yield the batches of a row group, and how many rows each has."""
    count = parquet.metadata.row_group(group).num_rows
    if not columns:
        for start in range(0, count, _BATCH_ROWS):
            yield pa.record_batch({}), min(_BATCH_ROWS, count - start)
        return
    batches = parquet.iter_batches(_BATCH_ROWS, row_groups=[group], columns=columns)
    while True:
        with _damages():
            batch = next(batches, None)
        if batch is None:
            return
        yield batch, batch.num_rows


def _at(batch: pa.RecordBatch, path: str) -> pa.Array:
    """Return a column, or a field of a column of structs."""
    if path in batch.schema.names:
        return batch.column(path)
    outer, _, inner = path.rpartition(".")
    column = batch.column(outer)
    return column.flatten()[column.type.get_field_index(inner)]
