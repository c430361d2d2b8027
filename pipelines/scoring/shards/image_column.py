"""Which column of a Parquet file holds its images.

The column is a struct of bytes and a path, as Hugging Face data sets have it, or of
bytes alone, as img2dataset writes it, or a list of either: several images a row. Bytes
may also be written as a list of numbers.
"""

import dataclasses
from collections.abc import Iterator

import pyarrow as pa

from pipelines.scoring.carried.arrow_types import holds_bytes, is_list, is_textual
from schemas.failures import Failure, ImageFailure

_USUAL_NAMES = ("image", "img", "jpg", "jpeg", "png", "webp", "bytes", "image_bytes")
_USUAL_LISTS = ("images", "imgs", *_USUAL_NAMES)
_KEY_NAMES = ("key", "__key__")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageColumn:
    """Where a schema has its images; paths are names with dots in between.

    Attributes:
      name: Path of the column, which is in a struct if there are dots in it.
      is_list: Whether it has several images a row.
      bytes_path: Path of the images' bytes.
      file_path: Path of the names of the images' files; None if there are none.
      key_path: Path of the texts that name each row; None if there are none.
    """

    name: str
    is_list: bool
    bytes_path: str
    file_path: str | None
    key_path: str | None

    @property
    def known(self) -> frozenset[str | None]:
        """Paths of what is the image and its key already, and is not carried."""
        if self.is_list:
            key_path = None if self.file_path else self.key_path
            return frozenset({self.bytes_path, self.file_path, key_path})
        return frozenset({self.bytes_path, self.key_path or self.file_path})


def find_image_column(schema: pa.Schema, wanted: str | None) -> ImageColumn | None:
    """Return where the images of a schema are, None if it has none.

    Args:
      schema: The file's schema.
      wanted: The column that the user names, with dots for one in a struct; None means
        the only one that is a struct with bytes, or has bytes and a usual name, and of
        several the one called `image`. Only if there is none, one of a usual name whose
        bytes are numbers of more than a byte.

    Raises:
      ImageFailure: If the user's column cannot hold images, or several can.
    """
    if wanted is not None:
        return _column(schema, wanted, _wanted(schema, wanted))
    for fields in _levels(schema):
        fitting = [one for one in fields.items() if _seems_to_hold_images(one[1])]
        fitting = [one for one in fitting if one[1].name == "image"] or fitting
        if len(fitting) > 1:
            names = ", ".join(name for name, _ in fitting)
            raise ImageFailure(
                Failure.UNREADABLE,
                f"several columns hold bytes ({names}): name one by --image_column",
            )
        if fitting:
            return _column(schema, *fitting[0])
    for field in schema:
        if field.name in _USUAL_NAMES and holds_file(field.type):
            return _column(schema, field.name, field)
        if field.name in _USUAL_LISTS and _is_array(field.type):
            raise ImageFailure(
                Failure.UNREADABLE,
                f"column {field.name!r} is {field.type}: arrays of pixels are not "
                "read, the bytes of image files are",
            )
    return None


def columns_of_bytes(schema: pa.Schema) -> list[str]:
    """Return the paths of the columns that `--image_column` can name."""
    return [
        name
        for fields in _levels(schema)
        for name, field in fields.items()
        if _path_to_bytes(_item_type(field.type)) is not None
        and not is_list(field.type)
    ]


def holds_file(data_type: pa.DataType) -> bool:
    """Whether values may be the bytes of a file: as bytes, or a list of numbers."""
    if is_list(data_type):
        return pa.types.is_integer(data_type.value_type)
    return not data_type.num_fields and holds_bytes(data_type)


def _wanted(schema: pa.Schema, wanted: str) -> pa.Field:
    """Return the field that the user names.

    Raises:
      ImageFailure: If there is none, or it cannot hold images.
    """
    field = next((found[wanted] for found in _levels(schema) if wanted in found), None)
    if field is None:
        raise ImageFailure(
            Failure.UNREADABLE,
            f"it has no column {wanted!r}; it has {', '.join(schema.names)}",
        )
    if _path_to_bytes(_item_type(field.type)) is None:
        raise ImageFailure(
            Failure.UNREADABLE, f"column {wanted!r} holds no bytes; it is {field.type}"
        )
    return field


def _levels(schema: pa.Schema) -> Iterator[dict[str, pa.Field]]:
    """Yield the columns by their paths, then those in structs, level by level."""
    level = {field.name: field for field in schema}
    while level:
        yield level
        level = {
            f"{name}.{inner.name}": inner
            for name, field in level.items()
            if pa.types.is_struct(field.type)
            for inner in field.type
        }


def _seems_to_hold_images(field: pa.Field) -> bool:
    item = _item_type(field.type)
    path = _path_to_bytes(item)
    if path is None:
        return False
    if path:
        return True
    if is_list(item) and item.value_type.bit_width != 8:
        return False
    return field.name in (_USUAL_NAMES if item is field.type else _USUAL_LISTS)


def _item_type(data_type: pa.DataType) -> pa.DataType:
    """Return the type of one image of a column, which may be a list of images."""
    if not is_list(data_type) or holds_file(data_type):
        return data_type
    item = data_type.value_type
    return data_type if is_list(item) else item


def _path_to_bytes(item: pa.DataType) -> str | None:
    """Return where an image's bytes are: in itself (""), in a field, or nowhere."""
    if pa.types.is_struct(item):
        index = item.get_field_index("bytes")
        return "bytes" if index >= 0 and holds_file(item.field(index).type) else None
    return "" if holds_file(item) else None


def _is_array(data_type: pa.DataType) -> bool:
    is_nested = is_list(data_type) and is_list(data_type.value_type)
    return is_nested or isinstance(data_type, pa.FixedShapeTensorType)


def _column(schema: pa.Schema, name: str, field: pa.Field) -> ImageColumn:
    item = _item_type(field.type)
    is_list_of_images = item is not field.type
    path = _path_to_bytes(item)
    assert path is not None
    file_path = None
    if pa.types.is_struct(item):
        index = item.get_field_index("path")
        if index >= 0 and is_textual(item.field(index).type):
            file_path = f"{name}.path"
    keys = [
        key
        for key in _KEY_NAMES
        if key in schema.names and is_textual(schema.field(key).type)
    ]
    return ImageColumn(
        name=name,
        is_list=is_list_of_images,
        bytes_path=f"{name}.{path}" if path else name,
        file_path=file_path,
        key_path=keys[0] if keys else None,
    )
