"""Opening Parquet files, where all that can be wrong is one kind of error."""

from typing import BinaryIO

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
