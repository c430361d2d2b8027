"""Shards that are compressed as a whole: streamed, once to list them, once to read."""

from typing import BinaryIO, cast

from pipelines.records.first_bytes import Packing, packing_of
from pipelines.records.unpacked import UnpackedFile

_FIRST_BYTES = 64


def unpacked(
    file: BinaryIO, size_bytes: int
) -> tuple[BinaryIO, int | None, Packing | None]:
    """Return the content of a shard, its size and how it is compressed.

    Args:
      file: The shard, at its beginning.
      size_bytes: Its size.

    Returns:
      The file itself, if it is not compressed. Else its content, which can only be
      sought forwards and whose size is not known (None).
    """
    packing = packing_of(file.read(_FIRST_BYTES))
    file.seek(0)
    if packing is None:
        return file, size_bytes, None
    return unpacked_by(file, size_bytes, packing), None, packing


def unpacked_by(file: BinaryIO, size_bytes: int, packing: Packing) -> BinaryIO:
    """Return the content of a shard that is known to be compressed."""
    return cast(BinaryIO, UnpackedFile(file, packing, size_bytes))
