"""What every row of a Parquet file holds: images, or only the names of their files."""

import dataclasses
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.records.parquet import null_count
from pipelines.scoring.carried.arrow_types import is_list
from pipelines.scoring.shards.image_column import ImageColumn

_NAMES_AT_ONCE = 1000
_IMAGES_AT_ONCE = 8


@dataclasses.dataclass(frozen=True, slots=True)
class HeldImage:
    """One image of a row.

    Attributes:
      item: Which of the row's images it is; None in a column of one image a row, and
        for what stands for the images of a row that has none.
      has_bytes: Whether its bytes are there; if that is not known, they are taken to
        be.
      file: Name of its file, if there is one.
    """

    item: int | None = None
    has_bytes: bool = True
    file: str | None = None


def leaf_of(parquet: pq.ParquetFile, path: str) -> str:
    """Return how a file calls the column at a path, which has names of lists in it."""
    return next(name for leaf, name in leaves_of(parquet) if leaf == path)


def leaves_of(parquet: pq.ParquetFile) -> Iterator[tuple[str, str]]:
    """Yield the paths of what has values of its own, and how the file calls it."""
    leaves = _leaves("", pa.struct(list(parquet.schema_arrow)))
    for index, leaf in enumerate(leaves):
        yield leaf, parquet.schema.column(index).path


def held_images(
    parquet: pq.ParquetFile, group: int, column: ImageColumn, *, must_tell_bytes: bool
) -> Iterator[list[HeldImage]]:
    """Yield what each row of a row group holds: an image, a few, or one without bytes.

    The images themselves are only read where the file does not say that each has bytes
    and that matters, or has nothing else that tells how many there are.

    Args:
      parquet: The file.
      group: Number of the row group.
      column: Where its images are.
      must_tell_bytes: Whether it matters which images have no bytes.
    """
    row_count = parquet.metadata.row_group(group).num_rows
    leaves = [leaf_of(parquet, column.file_path)] if column.file_path else []
    images = leaf_of(parquet, column.bytes_path)
    batch_rows = _NAMES_AT_ONCE
    is_told = not must_tell_bytes or null_count(parquet, group, images) == 0
    if not is_told or (column.is_list and not leaves):
        leaves.append(images)
        batch_rows = _IMAGES_AT_ONCE
    if not leaves:
        yield from ([HeldImage()] for _ in range(row_count))
        return
    for batch in parquet.iter_batches(batch_rows, row_groups=[group], columns=leaves):
        yield from _held(_at(batch, column.name), column)


def _held(images: pa.Array, column: ImageColumn) -> Iterator[list[HeldImage]]:
    """Yield what each row of a column holds, of which not all may have been read."""
    lengths = None
    if column.is_list:
        lengths = pc.call_function("list_value_length", [images]).to_pylist()
        images = images.flatten()
    flat = zip(_are_there(images, column), _files(images), strict=True)
    if lengths is None:
        yield from ([HeldImage(None, *one)] for one in flat)
        return
    for length in lengths:
        row = [HeldImage(item, *next(flat)) for item in range(length or 0)]
        yield row or [HeldImage(has_bytes=False)]


def _are_there(images: pa.Array, column: ImageColumn) -> list[bool]:
    """Return which images have bytes; all, if that was not read."""
    if not pa.types.is_struct(images.type):
        return images.is_valid().to_pylist()
    index = images.type.get_field_index(column.bytes_path.rpartition(".")[2])
    if index < 0:
        return [True] * len(images)
    return images.flatten()[index].is_valid().to_pylist()


def _files(images: pa.Array) -> list[str | None]:
    if pa.types.is_struct(images.type):
        index = images.type.get_field_index("path")
        if index >= 0:
            return images.flatten()[index].cast(pa.string()).to_pylist()
    return [None] * len(images)


def _at(batch: pa.RecordBatch, path: str) -> pa.Array:
    """Return a column, or one in structs."""
    names = path.split(".")
    if path in batch.schema.names:
        return batch.column(path)
    found = batch.column(names[0])
    for name in names[1:]:
        found = found.flatten()[found.type.get_field_index(name)]
    return found


def _leaves(path: str, data_type: pa.DataType) -> Iterator[str]:
    """Yield the paths of what has values of its own, in the order of a file's columns.

    Lists add nothing to a path.
    """
    if isinstance(data_type, pa.BaseExtensionType):
        yield from _leaves(path, data_type.storage_type)
    elif is_list(data_type):
        yield from _leaves(path, data_type.value_type)
    elif pa.types.is_map(data_type):
        yield from _leaves(f"{path}.key", data_type.key_type)
        yield from _leaves(f"{path}.value", data_type.item_type)
    elif pa.types.is_struct(data_type):
        for field in data_type:
            yield from _leaves(
                f"{path}.{field.name}" if path else field.name, field.type
            )
    else:
        yield path
