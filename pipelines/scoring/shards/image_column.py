"""Which column of a Parquet file holds its images, and which are carried along.

The column is a struct of bytes and a path, as Hugging Face data sets have it, or of
bytes alone, as img2dataset writes it.
"""

import dataclasses
from collections.abc import Container

import pyarrow as pa

from pipelines.scoring.carried.arrow_types import holds_bytes, is_textual
from schemas.failures import Failure, ImageFailure

_USUAL_NAMES = ("image", "img", "jpg", "jpeg", "png", "webp", "bytes", "image_bytes")
_KEY_NAMES = ("key", "__key__")


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
        if name in schema.names and is_textual(schema.field(name).type):
            return name
    if pa.types.is_struct(image.type):
        index = image.type.get_field_index("path")
        if index >= 0 and is_textual(image.type.field(index).type):
            return f"{image.name}.path"
    return None


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
    known = {column.bytes_path, column.key_path} if column else {"key", "status"}
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
