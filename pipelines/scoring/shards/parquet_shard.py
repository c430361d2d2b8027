"""Parquet files with images in a column: one ref a row, the other columns carried.

The column is a struct of bytes and a path, as Hugging Face data sets have it, or of
bytes alone, as img2dataset writes it.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.shards.columns import holds_bytes, plain_type, python_values
from pipelines.scoring.shards.image_part import ParquetPart
from pipelines.scoring.shards.img2dataset_ledger import is_img2dataset, list_downloaded
from pipelines.scoring.shards.shard import Shard, carried_name
from pipelines.storage import StoredObject
from schemas.failures import Failure, ImageFailure

_USUAL_NAMES = ("image", "img", "jpg", "jpeg", "png", "webp", "bytes", "image_bytes")
_KEY_NAMES = ("key", "__key__")
_BATCH_ROWS = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageColumn:
    """Where a schema has its images.

    Attributes:
      name: The top-level column.
      bytes_path: Path of its bytes.
      key_path: Path of the column that names each image; None if there is none.
    """

    name: str
    bytes_path: str
    key_path: str | None


def find_image_column(schema: pa.Schema, wanted: str | None) -> ImageColumn | None:
    """Return where the images of a schema are, None if it has none.

    Args:
      schema: The file's schema.
      wanted: The column that the user names; None means the only one that is a struct
        with bytes, or has bytes and a usual name, and of several the one called
        `image`.

    Raises:
      ImageFailure: If the user's column cannot hold images, or several can.
    """
    if wanted is not None:
        if wanted not in schema.names:
            raise ImageFailure(
                Failure.UNREADABLE,
                f"it has no column {wanted!r}; it has {', '.join(schema.names)}",
            )
        if _path_to_bytes(schema.field(wanted)) is None:
            raise ImageFailure(Failure.UNREADABLE, f"column {wanted!r} holds no bytes")
        fitting = [schema.field(wanted)]
    else:
        fitting = [field for field in schema if _seems_to_hold_images(field)]
        fitting = [field for field in fitting if field.name == "image"] or fitting
    if len(fitting) > 1:
        names = ", ".join(field.name for field in fitting)
        raise ImageFailure(
            Failure.UNREADABLE,
            f"several columns hold bytes ({names}): name one by --image_column",
        )
    if not fitting:
        return None
    [field] = fitting
    path = _path_to_bytes(field)
    assert path is not None
    return ImageColumn(
        name=field.name, bytes_path=path, key_path=_key_path(schema, field)
    )


def parquet_fields(file: BinaryIO, image_column: str | None) -> tuple[pa.Field, ...]:
    """Return the columns that a file's images carry along.

    Raises:
      ImageFailure: If it cannot be read as Parquet.
    """
    schema = _open(file).schema_arrow
    column = find_image_column(schema, image_column)
    return tuple(
        pa.field(ours, plain_type(schema.field(theirs).type))
        for theirs, ours in _carried_columns(schema, column).items()
    )


def list_parquet(
    shard: Shard, found: StoredObject, file: BinaryIO
) -> Iterator[ImageRef]:
    """Yield one ref a row: `file.parquet#row=17` is the row after 17 others.

    Raises:
      ImageFailure: If the file is damaged, or has no images.
    """
    parquet = _open(file)
    schema = parquet.schema_arrow
    column = find_image_column(schema, shard.source.image_column)
    if parquet.metadata.num_rows > found.size_bytes:
        raise ImageFailure(
            Failure.UNREADABLE,
            f"it claims {parquet.metadata.num_rows} rows in {found.size_bytes} bytes",
        )
    if column is None:
        if not is_img2dataset(schema):
            raise ImageFailure(
                Failure.UNREADABLE,
                "no column holds images, and it is no ledger of img2dataset; a "
                "manifest is named by an --input of its own",
            )
        rows = (
            values for _, _, values in _rows(parquet, shard, None, ["key", "status"])
        )
        yield from list_downloaded(shard, rows)
        return
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


def _seems_to_hold_images(field: pa.Field) -> bool:
    is_usual = pa.types.is_struct(field.type) or field.name in _USUAL_NAMES
    return is_usual and _path_to_bytes(field) is not None


def _path_to_bytes(field: pa.Field) -> str | None:
    if pa.types.is_struct(field.type):
        index = field.type.get_field_index("bytes")
        if index >= 0 and _is_bytes(field.type.field(index).type):
            return f"{field.name}.bytes"
        return None
    return field.name if _is_bytes(field.type) else None


def _is_bytes(data_type: pa.DataType) -> bool:
    return not data_type.num_fields and holds_bytes(data_type)


def _key_path(schema: pa.Schema, image: pa.Field) -> str | None:
    for name in _KEY_NAMES:
        if name in schema.names and pa.types.is_string(schema.field(name).type):
            return name
    if pa.types.is_struct(image.type):
        index = image.type.get_field_index("path")
        if index >= 0 and pa.types.is_string(image.type.field(index).type):
            return f"{image.name}.path"
    return None


def _carried_columns(schema: pa.Schema, column: ImageColumn | None) -> dict[str, str]:
    """Return the carried columns of a schema: their names there and in the ledger."""
    left_out = {column.name, column.key_path} if column else {"key", "status"}
    names: dict[str, str] = {}
    for field in schema:
        ours = carried_name(field.name)
        is_left_out = field.name in left_out or holds_bytes(field.type)
        if not is_left_out and ours not in names.values():
            names[field.name] = ours
    return names


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
        for theirs, ours in _carried_columns(parquet.schema_arrow, column).items()
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
