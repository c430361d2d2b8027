"""Which part of a larger file an image is: all that finding it again needs."""

import dataclasses
from typing import TypeAlias


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TarPart:
    """An image file that lies in an archive as it is.

    Attributes:
      start: Offset of its first byte.
      size_bytes: Its length.
    """

    start: int
    size_bytes: int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RecordPart:
    """A tf.train.Example that holds an image.

    Attributes:
      start: Offset of the record's payload.
      size_bytes: Its length, the other features included.
      feature: Name of the image's feature; None means the usual names.
    """

    start: int
    size_bytes: int
    feature: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ParquetPart:
    """One value of a Parquet column; its length is known when it is read.

    Attributes:
      row_group: Number of the row group.
      row: Place in the row group.
      column: Path of the column, such as `image.bytes`.
    """

    row_group: int
    row: int
    column: str

    @property
    def size_bytes(self) -> None:
        """Not known before the value is read."""
        return None


Part: TypeAlias = TarPart | RecordPart | ParquetPart
