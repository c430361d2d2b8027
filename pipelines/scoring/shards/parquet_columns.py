"""Which columns of a Parquet file are carried along with its images."""

import dataclasses
import functools
import itertools

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.scoring.carried.arrow_types import holds_bytes, is_list
from pipelines.scoring.carried.layout import Carried, Layout
from pipelines.scoring.shards.image_column import ImageColumn
from pipelines.scoring.shards.parquet_images import leaves_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class CarriedFields:
    """What of a file's columns is carried along with its images.

    Attributes:
      fields: The columns, without bytes in structs and what else is not carried.
      left_out: Names and types of bytes besides the images: too many to travel.
    """

    fields: tuple[pa.Field, ...]
    left_out: tuple[tuple[str, str], ...]

    def paths(self, parquet: pq.ParquetFile) -> list[str]:
        """Return what must be read of a file for them."""
        wanted = {
            path for field in self.fields for path in _paths(field.name, field.type)
        }
        return [
            name
            for leaf, name in leaves_of(parquet)
            if not wanted.isdisjoint(itertools.accumulate(leaf.split("."), _joined))
        ]


def carried_fields(schema: pa.Schema, column: ImageColumn | None) -> CarriedFields:
    """Return which columns of a schema are carried.

    All of them, but for bytes, and what is the image and its key already. Of a list of
    images that is what else its items have.
    """
    known = column.known if column else frozenset({"key", "status"})
    left_out: dict[str, str] = {}
    fields = [_carried(field.name, field, known, left_out) for field in schema]
    return CarriedFields(
        fields=tuple(field for field in fields if field is not None),
        left_out=tuple(left_out.items()),
    )


def of_one_image(row: Carried, column: ImageColumn, item: int | None) -> Carried:
    """Return what is carried of an image of a row: of a list's values, its own.

    Args:
      row: What is carried of the row.
      column: Where its images are.
      item: Which of them it is; None for the only one, or one that is not there.
    """
    names = [field.name for field in row.layout.fields]
    if not column.is_list or column.name not in names:
        return row
    place = names.index(column.name)
    of_all = row.values[place]
    own = None if of_all is None or item is None else of_all[item]
    values = (*row.values[:place], own, *row.values[place + 1 :])
    return Carried(_layout_of_items(row.layout, place), values)


@functools.lru_cache
def _layout_of_items(layout: Layout, place: int) -> Layout:
    """Return a layout with what a list at a place holds in place of the list."""
    fields = list(layout.fields)
    fields[place] = pa.field(fields[place].name, fields[place].type.value_type)
    return dataclasses.replace(layout, fields=tuple(fields))


def _carried(
    path: str,
    field: pa.Field,
    known: frozenset[str | None],
    left_out: dict[str, str],
) -> pa.Field | None:
    """Return what is carried of a field, and add to `left_out` what is not."""
    if path in known:
        return None
    if pa.types.is_struct(field.type):
        found = [
            _carried(f"{path}.{inner.name}", inner, known, left_out)
            for inner in field.type
        ]
        inner = [one for one in found if one is not None]
        return pa.field(field.name, pa.struct(inner)) if inner else None
    if is_list(field.type) and any(k and k.startswith(f"{path}.") for k in known):
        item = pa.field(field.name, field.type.value_type)
        of_one = _carried(path, item, known, left_out)
        return pa.field(field.name, pa.list_(of_one.type)) if of_one else None
    if holds_bytes(field.type):
        left_out[path] = str(field.type)
        return None
    return field


def _paths(path: str, data_type: pa.DataType) -> list[str]:
    """Return the paths of a type's fields; lists of structs add nothing to a path."""
    if is_list(data_type) and pa.types.is_struct(data_type.value_type):
        return _paths(path, data_type.value_type)
    if not pa.types.is_struct(data_type):
        return [path]
    return [
        leaf
        for inner in data_type
        for leaf in _paths(_joined(path, inner.name), inner.type)
    ]


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}"
