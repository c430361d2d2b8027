"""Parquet files from anywhere: what can be wrong with them is one kind of error."""

import io
from typing import BinaryIO, NoReturn

import pyarrow as pa
import pyarrow.parquet as pq


def open_parquet(
    file: BinaryIO, *, read_ahead_bytes: int = 0, verify_pages: bool = False
) -> pq.ParquetFile:
    """Open a Parquet file whose columns all have names.

    Args:
      file: The file, seekable.
      read_ahead_bytes: How much is read at once; 0 reads whole columns of row groups.
      verify_pages: Whether pages are compared with their checksums, if they have any.

    Raises:
      pyarrow.ArrowException: If it is damaged, or a name is not UTF-8.
      OSError: If it is damaged.
    """
    try:
        parquet = pq.ParquetFile(
            file, buffer_size=read_ahead_bytes, page_checksum_verification=verify_pages
        )
        _ = parquet.schema_arrow.names
    except UnicodeDecodeError as error:
        raise pa.ArrowInvalid(
            f"the name of a column is not UTF-8 text ({error.object!r}); write the "
            "file again with another name"
        ) from error
    return parquet


def null_count(parquet: pq.ParquetFile, group: int, path: str) -> int | None:
    """Return how many values of a column are null, None if the file does not say.

    Args:
      parquet: The file.
      group: Number of the row group.
      path: The column, as the file calls it.

    Raises:
      pyarrow.ArrowException: If what the file says of the column is damaged.
      OSError: Likewise.
    """
    paths = [parquet.schema.column(index).path for index in range(len(parquet.schema))]
    _require_sound(parquet, group, path)
    told = parquet.metadata.row_group(group).column(paths.index(path)).statistics
    return told.null_count if told and told.has_null_count else None


def _require_sound(parquet: pq.ParquetFile, group: int, path: str) -> None:
    """Refuse a column whose description is damaged, without reading it.

    Where the description alone is asked for, Arrow ends the process over some damages;
    where the column is read, it raises, and before it asks for the first byte.
    """
    probe = pq.ParquetFile(_Pages(), metadata=parquet.metadata)
    try:
        next(probe.iter_batches(1, row_groups=[group], columns=[path]), None)
    except _PageAskedForError:
        return


class _PageAskedForError(Exception):
    """Reading has come as far as a page."""


class _Pages(io.RawIOBase):
    """A file of pages, none of which can be read."""

    _size = 1 << 62

    def __init__(self):
        super().__init__()
        self._place = 0

    def readable(self) -> bool:
        """Return that it can be read, which Arrow asks first."""
        return True

    seekable = readable

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place, as of a file of any size."""
        start = (0, self._place, self._size)[whence]
        self._place = start + offset
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def readinto(self, _: object, /) -> NoReturn:
        """Tell that a page was asked for.

        Raises:
          _PageAskedForError: Always.
        """
        raise _PageAskedForError
