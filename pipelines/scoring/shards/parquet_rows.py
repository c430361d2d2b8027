"""Reading images that lie in one row group of a Parquet file."""

import dataclasses
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.scoring.carried.arrow_types import is_list
from pipelines.scoring.reading.refusals import open_shard
from pipelines.scoring.shards.image_column import holds_file
from pipelines.scoring.shards.part import require_part_size
from pipelines.storage import StoredObject
from schemas.failures import Failure, ImageFailure

_READ_AHEAD_BYTES = 8 << 20
_ROWS_AT_ONCE = 8
_ROWS_TOGETHER = 1000
_ROWS_TOGETHER_ON_CPUS = 64
_MOST_PIECES = 4


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ParquetPart:
    """One value of a Parquet column; its length is known when it is read.

    Attributes:
      row_group: Number of the row group.
      group_rows: How many rows that has.
      row: Place in the row group.
      column: What the file calls the column of bytes, such as `image.bytes`.
      item: Which of the row's images, in a column of lists of images.
    """

    row_group: int
    group_rows: int
    row: int
    column: str
    item: int | None = None

    @property
    def size_bytes(self) -> None:
        """Not known before the value is read."""
        return None


def rows_together(group_rows: int, *, is_fast: bool) -> int:
    """Return how many rows of a row group are one piece of work.

    Each piece reads its row group from the first row to the page of its own last: K
    pieces together read it (K + 1) / 2 times, and K times if the group is one page, as
    pyarrow writes it. An accelerator has scored a thousand photos in seconds. On a CPU
    they are a quarter of an hour, for which the job's end may wait for one worker. So
    there a group is cut into up to four pieces of 64 rows or more: reading four times
    takes a hundredth of the time of scoring.

    Args:
      group_rows: Rows of the row group.
      is_fast: Whether what is done with them takes no longer than to read them.
    """
    if is_fast:
        return _ROWS_TOGETHER
    least = max(_ROWS_TOGETHER_ON_CPUS, -(-group_rows // _MOST_PIECES))
    return min(least, _ROWS_TOGETHER)


def read_rows(
    found: StoredObject, parts: Sequence[ParquetPart], *, max_bytes: int
) -> Iterator[bytes | ImageFailure]:
    """Yield the images of one row group and column, or why one is not there.

    Args:
      found: The file, as it was when the parts were listed.
      parts: Images of one row group and column, their rows ascending.
      max_bytes: Larger images are `too_large`.

    Raises:
      ImageFailure: Why there is neither the next image nor any after that.
      StorageError: If the store is down.
    """
    try:
        for value, item in _values(found, parts):
            try:
                yield _image(value, item, max_bytes)
            except ImageFailure as failure:
                yield failure
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise ImageFailure(
            Failure.UNREADABLE, f"a damaged Parquet file: {reason}"
        ) from error


def _values(
    found: StoredObject, parts: Sequence[ParquetPart]
) -> Iterator[tuple[pa.Scalar, int | None]]:
    """Yield the wanted values of a column, in order, and which image of each."""
    group, column = parts[0].row_group, parts[0].column
    with open_shard(found) as file:
        parquet = pq.ParquetFile(
            file,
            buffer_size=_READ_AHEAD_BYTES,
            pre_buffer=False,  # which would hold the whole row group
            page_checksum_verification=True,
        )
        batches = parquet.iter_batches(
            _ROWS_AT_ONCE, row_groups=[group], columns=[column]
        )
        wanted = list(parts)
        start = 0
        for batch in batches:
            end = start + batch.num_rows
            while wanted and wanted[0].row < end:
                part = wanted.pop(0)
                yield batch.column(0)[part.row - start], part.item
            if not wanted:
                return
            start = end
    raise ImageFailure(Failure.TRUNCATED, "the row group ends before this row")


def _image(value: pa.Scalar, item: int | None, max_bytes: int) -> bytes:
    """Return the bytes in a value, which may be in structs or a list of images.

    Raises:
      ImageFailure: If there are none, or too many.
    """
    while value.is_valid and not holds_file(value.type):
        if is_list(value.type):
            if item is None:
                raise ImageFailure(Failure.EMPTY, "the row has a list of no images")
            value = value.values[item]
        else:
            value = value[0]  # of a struct of which nothing else was read
    if pa.types.is_dictionary(value.type):
        value = value.value
    if not value.is_valid:
        raise ImageFailure(Failure.EMPTY, "the row holds no bytes")
    if is_list(value.type):
        return _bytes_of_numbers(value.values, max_bytes)
    buffer = value.as_buffer()
    require_part_size(buffer.size, max_bytes)
    return buffer.to_pybytes()


def _bytes_of_numbers(numbers: pa.Array, max_bytes: int) -> bytes:
    """Return bytes that are written as a list of numbers, signed or not."""
    require_part_size(len(numbers), max_bytes)
    if numbers.null_count:
        raise ImageFailure(Failure.NOT_AN_IMAGE, "the list of numbers has gaps")
    if pa.types.is_int8(numbers.type):
        return numbers.view(pa.uint8()).to_numpy().tobytes()
    try:
        return numbers.cast(pa.uint8()).to_numpy().tobytes()
    except pa.ArrowInvalid as error:
        raise ImageFailure(
            Failure.NOT_AN_IMAGE, "the numbers of the list are not bytes, from 0 to 255"
        ) from error
