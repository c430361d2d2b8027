"""Kept rows: taken over from the ledger or a journal, as Arrow tables throughout."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.ledger_folder import LedgerFolderError, read_ledger_file
from pipelines.scoring.config import ScoringConfig
from pipelines.scoring.plan import KeptRow, previous_files
from pipelines.storage import storage_for


def read_kept_rows(
    kept: Sequence[KeptRow],
    schema: pa.Schema,
    shard: int,
    shard_count: int,
    config: ScoringConfig,
) -> pa.Table:
    """Return kept rows as they were, their columns from the inputs renewed.

    Args:
      kept: The rows of one shard.
      schema: Schema of the run's ledger.
      shard: Number of the shard.
      shard_count: Shards of the run.
      config: The run.

    Raises:
      LedgerFolderError: If rows are no longer where planning found them.
      StorageError: If a journal file is gone.
    """
    renewed = {"key", *(field.name for field in config.carried)}
    taken = pa.schema([field for field in schema if field.name not in renewed])
    tables = [
        table.select(taken.names).cast(taken)
        for table in _find_rows(kept, shard, shard_count, config)
    ]
    table = pa.concat_tables([taken.empty_table(), *tables])
    if table.num_rows != len(kept):
        raise LedgerFolderError(
            f"rows of {config.output} vanished while the run was going on; run again"
        )
    by_uri = {row.uri: row for row in kept}
    rows = [by_uri[uri] for uri in table.column("uri").to_pylist()]
    columns = {name: table.column(name) for name in taken.names}
    columns["key"] = pa.chunked_array(
        [pa.array([row.key for row in rows], pa.string())]
    )
    for index, field in enumerate(config.carried):
        values = pa.array([row.carried[index] for row in rows], field.type)
        columns[field.name] = pa.chunked_array([values])
    return pa.Table.from_arrays([columns[n] for n in schema.names], schema=schema)


def _find_rows(
    kept: Sequence[KeptRow], shard: int, shard_count: int, config: ScoringConfig
) -> Iterator[pa.Table]:
    """Yield the rows from every file that holds some of them."""
    uris: dict[str | None, list[str]] = {}
    for row in kept:
        uris.setdefault(row.journal, []).append(row.uri)
    published = uris.pop(None, [])
    if published and config.previous:
        for file in previous_files(config.previous, shard, shard_count):
            table = read_ledger_file(config.previous.ledger, file)
            yield table.filter(pc.field("uri").isin(published))
    for journal, journalled in uris.items():
        assert journal is not None
        with storage_for(journal).open_read(journal) as file:
            table = pq.read_table(pa.BufferReader(file.read()))
        yield table.filter(pc.field("uri").isin(journalled))
