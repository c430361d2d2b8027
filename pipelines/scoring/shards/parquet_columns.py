"""Which columns of a Parquet file are carried along with its images."""

import dataclasses
from collections.abc import Container

import pyarrow as pa

from pipelines.scoring.carried.arrow_types import holds_bytes
from pipelines.scoring.shards.image_column import ImageColumn


@dataclasses.dataclass(frozen=True, kw_only=True)
class CarriedFields:
    """What of a file's columns is carried along with its images.

    Attributes:
      fields: The columns, without bytes in structs and what else is not carried.
      left_out: Names and types of bytes besides the images: too many to travel.
    """

    fields: tuple[pa.Field, ...]
    left_out: tuple[tuple[str, str], ...]

    @property
    def paths(self) -> list[str]:
        """What must be read for them."""
        return [path for field in self.fields for path in _leaves(field.name, field)]


def carried_fields(schema: pa.Schema, column: ImageColumn | None) -> CarriedFields:
    """Return which columns of a schema are carried.

    All of them, but for bytes, and what is the image and its key already.
    """
    known = column.known if column else frozenset({"key", "status"})
    left_out: dict[str, str] = {}
    fields = [_carried(field.name, field, known, left_out) for field in schema]
    return CarriedFields(
        fields=tuple(field for field in fields if field is not None),
        left_out=tuple(left_out.items()),
    )


def _carried(
    path: str,
    field: pa.Field,
    known: Container[str | None],
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
    if holds_bytes(field.type):
        left_out[path] = str(field.type)
        return None
    return field


def _leaves(path: str, field: pa.Field) -> list[str]:
    if not pa.types.is_struct(field.type):
        return [path]
    return [
        leaf for inner in field.type for leaf in _leaves(f"{path}.{inner.name}", inner)
    ]
