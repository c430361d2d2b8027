"""Write: new and kept rows become one Parquet file a shard, by hash of the URI."""

import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.scoring.carried.columns import CarriedColumns
from pipelines.scoring.monitoring.metrics import count_retries
from pipelines.scoring.planning.plan import KeptRow
from pipelines.scoring.run import Run
from pipelines.scoring.writing.kept_rows import read_kept_rows
from pipelines.scoring.writing.shard_summary import ShardSummary, summary_of
from pipelines.storage import join, storage_for
from schemas.ledger import LedgerRow, rows_to_table
from schemas.manifest import LedgerFile

_NAMED_DIGITS = 16


def shard_count_for(rows: int, rows_per_shard: int) -> int:
    """Return how many shards hold `rows` rows: a power of two."""
    count = 1
    while count * rows_per_shard < rows:
        count *= 2
    return count


def write_shard(
    rows: Iterable[LedgerRow | KeptRow],
    *,
    shard: int,
    shard_count: int,
    columns: CarriedColumns,
    run: Run,
) -> ShardSummary:
    """Write one shard; the same rows give the same file, so a retry changes nothing.

    No file is ever overwritten, and a shard that is as the ledger's last state has it
    is not written: its file stays that of this state.

    Args:
      rows: The shard's rows, in any order; they are written in order of URI.
      shard: Number of the shard, below `shard_count`.
      shard_count: Shards of the run.
      columns: The run's carried columns.
      run: The run.

    Raises:
      StorageError: If the file cannot be written whole.
      LedgerFolderError: If kept rows cannot be read from the ledger.
    """
    rows = list(rows)
    table = _table_of(rows, shard, shard_count, columns, run)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", row_group_size=10_000)
    data = buffer.getvalue()
    file = _file_of(data, table.num_rows, shard, shard_count, run)
    if (written := _same_file(file, shard_count, run)) is None:
        uri = join(run.output, file.path)
        storage_for(uri).write_if_absent(uri, data)
    return summary_of(
        rows,
        table,
        file=written or file,
        shard_count=shard_count,
        models=run.ledger_models,
    )


def _table_of(
    rows: Sequence[LedgerRow | KeptRow],
    shard: int,
    shard_count: int,
    columns: CarriedColumns,
    run: Run,
) -> pa.Table:
    new = [row for row in rows if isinstance(row, LedgerRow)]
    kept = [row for row in rows if isinstance(row, KeptRow)]
    table = rows_to_table(
        new,
        carried=columns.table(new),
        models=run.ledger_models,
        run_id=run.id,
        run_started_at=run.started_at,
        is_measured=run.is_measured,
    )
    if kept:
        known = read_kept_rows(kept, table.schema, shard, shard_count, columns, run)
        table = pa.concat_tables([table, known])
    return table.sort_by("uri").combine_chunks()


def _file_of(
    data: bytes, rows: int, shard: int, shard_count: int, run: Run
) -> LedgerFile:
    """Return the file of a shard, whose name tells its content.

    An attempt that scored anew, and found other bytes, has another name: however late
    it comes, a file that was published stays as it is.
    """
    digest = hashlib.sha256(data).hexdigest()
    name = f"part-{shard:05d}-of-{shard_count:05d}-{digest[:_NAMED_DIGITS]}.parquet"
    return LedgerFile(
        path=f"runs/{run.id}/{name}",
        shard=shard,
        rows=rows,
        size_bytes=len(data),
        sha256=digest,
    )


def _same_file(file: LedgerFile, shard_count: int, run: Run) -> LedgerFile | None:
    """Return the shard's file in the last state if not one byte of it would change."""
    if run.previous is None or run.previous.shard_count != shard_count:
        return None
    of_shard = (one for one in run.previous.files if one.shard == file.shard)
    return next((one for one in of_shard if one.sha256 == file.sha256), None)


class WriteShard(beam.DoFn):
    """`write_shard` for every group of rows."""

    def __init__(self, run: Run):
        self._run = run

    def process(
        self,
        element: tuple[int, Iterable[LedgerRow | KeptRow]],
        row_count: int,
        columns: CarriedColumns,
    ) -> Iterator[ShardSummary]:
        """Emit the summary of the written shard."""
        shard, rows = element
        shard_count = shard_count_for(row_count, self._run.asked.rows_per_shard)
        yield write_shard(
            rows,
            shard=shard,
            shard_count=shard_count,
            columns=columns,
            run=self._run,
        )
        count_retries()
