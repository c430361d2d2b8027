"""Parquet files with images in a column: one ref a row, the other columns carried."""

import contextlib
import dataclasses
import functools
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.records.parquet import open_parquet
from pipelines.scoring.allowed_buckets import require_allowed
from pipelines.scoring.carried.convert import convert
from pipelines.scoring.carried.layout import Carried
from pipelines.scoring.carried.rows import (
    carry_arrow,
    plain_column,
    require_distinct,
)
from pipelines.scoring.carried.transport import to_python
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.reading.refusals import refusals_as_failures
from pipelines.scoring.shards.image_column import (
    ImageColumn,
    find_image_column,
)
from pipelines.scoring.shards.img2dataset_ledger import (
    SUCCESS,
    failed_download,
    is_img2dataset,
    list_downloaded,
)
from pipelines.scoring.shards.parquet_columns import carried_fields, of_one_image
from pipelines.scoring.shards.parquet_images import HeldImage, held_images, leaf_of
from pipelines.scoring.shards.parquet_rows import (
    ParquetPart,
    read_rows,
    rows_together,
)
from pipelines.scoring.shards.shard import Shard, ShardFormat, then_left_out
from pipelines.storage import StoredObject, resolve
from schemas.failures import Failure, ImageFailure
from schemas.left_out import LeftOut, LeftOutTally

_Row = tuple[int, int, tuple[str | None, ...], Carried]
_BATCH_ROWS = 1000


@dataclasses.dataclass(frozen=True)
class ParquetFormat(ShardFormat[ParquetPart]):
    """Parquet files with images in them; img2dataset's ledgers name theirs instead.

    Row groups are compressed as a whole, so images in them cannot be read one by one.
    """

    names = re.compile(r"\.(parquet|parq|pq)$", re.IGNORECASE)
    part_type = ParquetPart

    def claimed_images(self, shard: Shard, file: BinaryIO) -> int | None:
        """Return the number of rows, which the footer of a file with images says."""
        parquet = _open(file)
        column = find_image_column(parquet.schema_arrow, shard.source.image_column)
        return parquet.metadata.num_rows if column else None

    def list(
        self, shard: Shard, found: StoredObject, file: BinaryIO
    ) -> Iterator[ImageRef | LeftOut]:
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
        left_out = LeftOutTally()
        if column is not None:
            refs = _list_rows(shard, found, parquet, column, left_out)
        elif is_img2dataset(schema):
            rows = _rows(parquet, None, ["key", "status"])
            told = ((key, status, said) for _, _, (key, status), said in rows)
            refs = list_downloaded(shard, told, left_out)
        else:
            raise ImageFailure(
                Failure.UNREADABLE,
                "no column holds images, and it is no ledger of img2dataset; a "
                "manifest is named by an --input of its own",
            )
        yield from then_left_out(refs, left_out)

    def together(self, part: ParquetPart, *, is_fast: bool) -> tuple[str, int]:
        """Return some rows of a row group, which is read to the last of them."""
        rows = part.row // rows_together(part.group_rows, is_fast=is_fast)
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
    shard: Shard,
    found: StoredObject,
    parquet: pq.ParquetFile,
    column: ImageColumn,
    left_out: LeftOutTally,
) -> Iterator[ImageRef]:
    names = [column.key_path] if column.key_path else []
    is_downloaded = is_img2dataset(parquet.schema_arrow)
    names += ["status"] if is_downloaded else []
    leaf = leaf_of(parquet, column.bytes_path)
    groups = range(parquet.num_row_groups)
    group_rows = [parquet.metadata.row_group(group).num_rows for group in groups]
    place = itertools.count()
    held = _held(
        parquet, column, must_tell_bytes=is_downloaded or column.file_path is not None
    )
    for row_number, ((group, row, keys, carried), images) in enumerate(
        _in_step(_rows(parquet, column, names), held)
    ):
        key = next(iter(keys), None)
        for image in images:
            name = f"row={row_number}"
            if image.item is not None:
                name += f"&item={image.item}"
            own_key = (image.file or key) if column.is_list else (key or image.file)
            ref = functools.partial(
                shard.ref,
                place=next(place),
                key=own_key or f"{shard.key}#{name}",
                carried=of_one_image(carried, column, image.item),
            )
            if is_downloaded and not image.has_bytes and keys[-1] != SUCCESS:
                left_out.add(failed_download(key))
                continue
            if image.file and not image.has_bytes:
                yield _file_beside(shard, image.file, name, ref)
                continue
            yield ref(
                name=shard.name_of(name),
                listed=found,
                part=ParquetPart(
                    row_group=group,
                    group_rows=group_rows[group],
                    row=row,
                    column=leaf,
                    item=image.item,
                ),
            )


def _in_step(
    rows: Iterator[_Row], held: Iterator[list[HeldImage]]
) -> Iterator[tuple[_Row, list[HeldImage]]]:
    """Yield what columns say of each row, which they do of equally many."""
    for row, images in itertools.zip_longest(rows, held):
        if row is None or images is None:
            raise ImageFailure(
                Failure.UNREADABLE,
                "it cannot be read as Parquet: its columns have different lengths",
            )
        yield row, images


def _held(
    parquet: pq.ParquetFile, column: ImageColumn, *, must_tell_bytes: bool
) -> Iterator[list[HeldImage]]:
    for group in range(parquet.num_row_groups):
        with _damages():
            yield from held_images(
                parquet, group, column, must_tell_bytes=must_tell_bytes
            )


def _file_beside(
    shard: Shard, file: str, place: str, ref: Callable[..., ImageRef]
) -> ImageRef:
    """Return the ref of a file that a row names in place of its bytes.

    Like a list, a file in an object store may not name local ones; unlike one, it may
    only name what lies below its own folder, as it need not be the user's own.
    """
    folder = shard.uri[: shard.uri.rfind("/") + 1]
    try:
        with refusals_as_failures():
            uri = require_allowed(resolve(file, base=folder), shard.source.buckets)
            if not uri.startswith(folder):
                raise ImageFailure(
                    Failure.FORBIDDEN_URI, "it leads out of the folder of this file"
                )
    except ImageFailure as failure:
        detail = f"the row has no bytes, and {file!r} is not read: {failure.detail}"
        return ref(name=shard.name_of(place), refusal=(failure.failure, detail))
    return ref(name=uri)


def _open(file: BinaryIO) -> pq.ParquetFile:
    with _damages():
        return open_parquet(file, read_ahead_bytes=1 << 20, verify_pages=True)


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
) -> Iterator[_Row]:
    """Yield row group, place in it, texts at `paths` and what is carried, by row."""
    carried = carried_fields(parquet.schema_arrow, column)
    for group in range(parquet.num_row_groups):
        row = 0
        read = list(dict.fromkeys([*carried.paths(parquet), *paths]))
        for batch, count in _batches(parquet, group, read):
            columns = {
                field.name: plain_column(
                    field.name, batch.column(field.name), field.type
                )
                for field in carried.fields
            }
            said = carry_arrow(columns, count=count, left_out=carried.left_out)
            texts = [to_python(convert(batch.column(p), pa.string())) for p in paths]
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
