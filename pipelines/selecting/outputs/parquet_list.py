"""A list as Parquet: every column with its type."""

from collections.abc import Iterable
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

_GROUP_ROWS = 100_000
_GROUP_BYTES = 64 << 20


def write_parquet(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, file: BinaryIO
) -> int:
    """Write rows in row groups of up to 100,000 rows, and return how many there are."""
    count = 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for table in _grouped(batches, schema):
            writer.write_table(table, row_group_size=_GROUP_ROWS)
            count += table.num_rows
    return count


def _grouped(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema
) -> Iterable[pa.Table]:
    """Yield rows many at a time, however few a batch has."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        is_long = sum(one.num_rows for one in held) >= _GROUP_ROWS
        if is_long or sum(one.nbytes for one in held) >= _GROUP_BYTES:
            yield pa.Table.from_batches(held, schema)
            held = []
    if held:
        yield pa.Table.from_batches(held, schema)
