"""Journal: finished rows made durable every so often, for a rerun to find.

A rerun plans with them as it plans with the ledger. They lie below `journal/` in a
folder of their own for each set of models and settings, and vanish with publication.
"""

import hashlib
import io
import json
import time
import uuid
from collections.abc import Iterator, Sequence

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ledger.folder import LedgerFolderError, read_upgraded
from pipelines.scoring.failure_budget import FailureBudgetError
from pipelines.scoring.first_images import first_images_of
from pipelines.scoring.plan import JournalEntry
from pipelines.scoring.previous_state import known_columns, known_rows
from pipelines.scoring.run import Run
from pipelines.storage import StorageError, join, storage_for
from schemas.ledger import LedgerRow, rows_to_table, shard_of

_ROWS = 200
_SECONDS = 30.0
_SUFFIX = ".parquet"


def journal_folder(run: Run) -> str:
    """Return the folder of the rows that are as this run would make them."""
    made_by = {
        "models": [(model.name, model.digest) for model in run.ledger_models],
        "settings": run.score_settings(),
    }
    digest = hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()
    return join(run.output, f"journal/{digest[:16]}/")


def write_journal(rows: Sequence[LedgerRow], run: Run) -> None:
    """Write finished rows into a new file, without the carried columns.

    Raises:
      StorageError: If it cannot be written.
    """
    table = rows_to_table(
        rows,
        models=run.ledger_models,
        run_id=run.id,
        run_started_at=run.started_at,
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    uri = join(journal_folder(run), f"{uuid.uuid4().hex}{_SUFFIX}")
    storage_for(uri).write(uri, buffer.getvalue())


def list_journal(folder: str) -> Iterator[str]:
    """Yield the files of a journal, without what a killed run has half written."""
    for found in storage_for(folder).list(folder):
        if found.uri.endswith(_SUFFIX):
            yield found.uri


def read_journal(
    uri: str, *, shard_count: int, with_digest: bool = False
) -> Iterator[tuple[int, JournalEntry]]:
    """Yield what planning needs to know of a journal file's rows, by plan shard.

    Raises:
      LedgerFolderError: If the file is gone.
    """
    table = read_journal_table(uri, known_columns(with_digest=with_digest))
    for name, row in known_rows(table).items():
        entry = JournalEntry(uri=name, journal=uri, row=row)
        yield shard_of(name, shard_count), entry


def read_journal_table(uri: str, columns: list[str] | None = None) -> pa.Table:
    """Read a journal file, or some columns.

    Raises:
      LedgerFolderError: If it is gone, which publication by another run brings about.
    """
    try:
        with storage_for(uri).open_read(uri) as file:
            data = file.read()
    except StorageError as error:
        raise LedgerFolderError(
            f"{error}; if another run has published meanwhile, run again"
        ) from error
    return read_upgraded(data, uri, columns)


def drop_journal(run: Run) -> None:
    """Delete a journal whose rows are published, or no longer wanted."""
    for uri in list(list_journal(journal_folder(run))):
        storage_for(uri).delete(uri)


class JournalRows(beam.DoFn):
    """`write_journal` every 200 rows or 30 seconds; all rows pass through.

    Raises `FailureBudgetError`, with all rows written, as `FirstImages` does.
    """

    def __init__(self, run: Run):
        self._run = run

    def setup(self):
        """Take up the process's count of the run's first images."""
        rate = self._run.limits.max_failure_rate
        self._first_images = first_images_of(self._run.id, rate)

    def start_bundle(self):
        """Start with no rows waiting."""
        self._rows: list[LedgerRow] = []
        self._waiting_since = time.monotonic()

    def process(self, row: LedgerRow) -> Iterator[LedgerRow]:
        """Emit the row and keep it for the next file."""
        if not self._rows:
            self._waiting_since = time.monotonic()
        self._rows.append(row)
        waited = time.monotonic() - self._waiting_since
        if len(self._rows) >= _ROWS or waited >= _SECONDS:
            self.finish_bundle()
        try:
            self._first_images.add(row)
        except FailureBudgetError:
            self.finish_bundle()
            raise
        yield row

    def finish_bundle(self):
        """Write the rows still waiting."""
        if self._rows:
            write_journal(self._rows, self._run)
            self._rows = []
