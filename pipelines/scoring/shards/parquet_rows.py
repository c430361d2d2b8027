"""Reading images that lie in one row group of a Parquet file."""

import dataclasses
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.scoring.shards.part import require_part_size
from pipelines.storage import StoredObject, open_listed
from schemas.failures import Failure, ImageFailure

_READ_AHEAD_BYTES = 1 << 20
_ROWS_AT_ONCE = 8


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


def read_rows(
    found: StoredObject, parts: Sequence[ParquetPart], *, max_bytes: int
) -> Iterator[bytes | ImageFailure]:
    """Yield the images of one row group and column, or why one is not there.

    Args:
      found: The file, as it was when the parts were listed.
      parts: Rows of one row group and column, ascending.
      max_bytes: Larger images are `too_large`.

    Raises:
      ImageFailure: Why there is neither the next image nor any after that.
      StorageError: If the store is down.
    """
    try:
        for value in _values(found, parts):
            yield _checked(value, max_bytes)
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise ImageFailure(
            Failure.UNREADABLE, f"a damaged Parquet file: {reason}"
        ) from error


def _values(found: StoredObject, parts: Sequence[ParquetPart]) -> Iterator[pa.Scalar]:
    """Yield the wanted values of a column, in order."""
    group, column = parts[0].row_group, parts[0].column
    with open_listed(found) as file:
        parquet = pq.ParquetFile(file, buffer_size=_READ_AHEAD_BYTES)
        batches = parquet.iter_batches(
            _ROWS_AT_ONCE, row_groups=[group], columns=[column]
        )
        wanted = [part.row for part in parts]
        start = 0
        for batch in batches:
            end = start + batch.num_rows
            while wanted and wanted[0] < end:
                yield _value(batch, column, wanted.pop(0) - start)
            if not wanted:
                return
            start = end
    raise ImageFailure(Failure.TRUNCATED, "the row group ends before this row")


def _value(batch: pa.RecordBatch, column: str, row: int) -> pa.Scalar:
    value = batch.column(0)[row]
    is_struct = pa.types.is_struct(batch.schema.field(0).type)
    if is_struct and value.is_valid:
        return value[column.rpartition(".")[2]]
    return value


def _checked(value: pa.Scalar, max_bytes: int) -> bytes | ImageFailure:
    if not value.is_valid:
        return ImageFailure(Failure.EMPTY, "the row holds no bytes")
    buffer = value.as_buffer()
    try:
        require_part_size(buffer.size, max_bytes)
    except ImageFailure as failure:
        return failure
    return buffer.to_pybytes()
