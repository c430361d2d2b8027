"""Images that lie in one row group of a Parquet file, which is read once for all.

Row groups are compressed as a whole, so images in them cannot be read one by one.
"""

import dataclasses
from collections.abc import Iterable, Iterator

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.pvalue import PCollection

from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.refusals import open_shard
from pipelines.scoring.shards.image_part import ParquetPart
from pipelines.scoring.shards.read_part import require_part_size
from schemas.failures import Failure, ImageFailure

_READ_AHEAD_BYTES = 1 << 20
_ROWS_AT_ONCE = 8
_ROWS_TOGETHER = 1000


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ParquetRows:
    """Refs of one file, one generation, one row group and one column, by row."""

    refs: tuple[ImageRef, ...]


def gather_rows(refs: PCollection) -> PCollection:
    """Gather the refs that lie in Parquet files; other refs pass through.

    Rows of a row group stay together, but for groups of more than a thousand: those
    are read by several, each to its last row.
    """
    together = (
        refs
        | "In Parquet" >> beam.FlatMap(_keyed)
        | "Group rows" >> beam.GroupByKey()
        | "Gather" >> beam.MapTuple(_gathered)
    )
    others = refs | "Not in Parquet" >> beam.Filter(_is_read_alone)
    return (others, together) | "To fetch" >> beam.Flatten()


def read_rows(
    rows: ParquetRows, *, max_bytes: int
) -> Iterator[tuple[ImageRef, bytes | ImageFailure]]:
    """Yield every image of `rows` with its bytes, or why there are none.

    Raises:
      StorageError: If the store is down.
    """
    waiting = list(rows.refs)
    try:
        for data in _values(rows):
            yield waiting.pop(0), _checked(data, max_bytes)
    except ImageFailure as failure:
        damage = failure
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        damage = ImageFailure(Failure.UNREADABLE, f"a damaged Parquet file: {reason}")
    else:
        damage = ImageFailure(Failure.TRUNCATED, "the row group ends before this row")
    yield from ((ref, damage) for ref in waiting)


def _values(rows: ParquetRows) -> Iterator[pa.Scalar]:
    """Yield the wanted values of a column, in order."""
    first = rows.refs[0]
    assert first.listed is not None
    column = _part(first).column
    with open_shard(first.listed) as file:
        parquet = pq.ParquetFile(file, buffer_size=_READ_AHEAD_BYTES)
        batches = parquet.iter_batches(
            _ROWS_AT_ONCE, row_groups=[_part(first).row_group], columns=[column]
        )
        wanted = [_part(ref).row for ref in rows.refs]
        start = 0
        for batch in batches:
            end = start + batch.num_rows
            while wanted and wanted[0] < end:
                yield _value(batch, column, wanted.pop(0) - start)
            if not wanted:
                return
            start = end


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


def _part(ref: ImageRef) -> ParquetPart:
    assert isinstance(ref.part, ParquetPart)
    return ref.part


def _is_read_alone(ref: ImageRef) -> bool:
    return not isinstance(ref.part, ParquetPart) or ref.refusal is not None


def _keyed(ref: ImageRef) -> Iterator[tuple[tuple[str, str, str, int, int], ImageRef]]:
    if _is_read_alone(ref) or ref.listed is None:
        return
    part = _part(ref)
    place = (part.row_group, part.row // _ROWS_TOGETHER)
    yield (ref.listed.uri, ref.listed.generation, part.column, *place), ref


def _gathered(key: object, refs: Iterable[ImageRef]) -> ParquetRows:
    return ParquetRows(refs=tuple(sorted(refs, key=lambda ref: _part(ref).row)))
