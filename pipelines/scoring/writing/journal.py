"""Journal: finished rows made durable every so often, for a rerun to find.

A rerun plans with them as it plans with the ledger. They lie below `journal/` in a
folder of their own for each set of models and settings, and vanish after publication.
"""

import hashlib
import io
import json
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ledger.errors import LedgerFolderError
from pipelines.ledger.files import read_upgraded
from pipelines.scoring.monitoring.metrics import count_retries
from pipelines.scoring.planning.failure_budget import FailureBudgetError
from pipelines.scoring.planning.first_images import first_images_of
from pipelines.scoring.planning.plan import JournalEntry
from pipelines.scoring.planning.previous_state import known_columns, known_rows
from pipelines.scoring.run import Run
from pipelines.sparse_warnings import LOGGER
from pipelines.storage import StorageError, join, storage_for
from pipelines.storage.uris import is_local
from schemas.ledger import LedgerRow, ledger_schema, rows_to_table, shard_of

_ROWS = 200
_SECONDS = 30.0
# In a bucket every file costs requests, to write, list, read and delete it.
_BUCKET_ROWS = 2000
_BUCKET_SECONDS = 300.0
_SUFFIX = ".parquet"
_THREADS = 32


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
        is_measured=run.is_measured,
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    name = f"{run.journal_prefix}{uuid.uuid4().hex}{_SUFFIX}"
    uri = join(journal_folder(run), name)
    storage_for(uri).write(uri, buffer.getvalue())


def list_journal(folder: str, prefix: str = "") -> Iterator[str]:
    """Yield the files of a journal, without what a killed run has half written.

    Args:
      folder: The journal's folder.
      prefix: With what the names of files begin.
    """
    for found in storage_for(folder).list(folder):
        name = found.uri.rpartition("/")[2]
        if name.startswith(prefix) and name.endswith(_SUFFIX):
            yield found.uri


def journal_schema(run: Run) -> pa.Schema:
    """Return the columns of the ledger that a journal has: all but the carried ones."""
    return ledger_schema((), run.ledger_models, is_measured=run.is_measured)


def read_journal(
    uri: str, run: Run, shard_count: int
) -> Iterator[tuple[int, JournalEntry]]:
    """Yield the rows of a journal file by plan shard.

    Raises:
      LedgerFolderError: If it is gone, which publication by another run brings about.
    """
    table = _read_table(uri, journal_schema(run).names)
    known = known_rows(
        table.select(known_columns(with_digest=run.asked.verify_content))
    )
    values = zip(*(column.to_pylist() for column in table.columns), strict=True)
    for (name, row), whole in zip(known.items(), values, strict=True):
        entry = JournalEntry(uri=name, row=row, values=whole)
        yield shard_of(name, shard_count), entry


def _read_table(uri: str, columns: Sequence[str]) -> pa.Table:
    try:
        with storage_for(uri).open_read(uri) as file:
            data = file.read()
    except StorageError as error:
        raise LedgerFolderError(
            f"{error}; if another run has published meanwhile, run again"
        ) from error
    return read_upgraded(data, uri, columns)


def drop_journal(run: Run) -> None:
    """Delete a journal whose rows are no longer wanted, many files at once.

    Raises:
      StorageError: If a file could not be deleted; the others are.
    """
    uris = list(list_journal(journal_folder(run)))
    with ThreadPoolExecutor(_THREADS) as threads:
        deletions = [threads.submit(storage_for(uri).delete, uri) for uri in uris]
    for deletion in deletions:
        deletion.result()


def drop_published_journal(run: Run) -> None:
    """Delete a journal whose rows are published, as far as it can be done.

    What stays says what the ledger says, and goes after the next run.
    """
    try:
        drop_journal(run)
    except StorageError as error:
        LOGGER.warning("the run is published, but its journal stays: %s", error)


class JournalRows(beam.DoFn):
    """`write_journal` every 200 rows or 30 seconds; all rows pass through.

    In a bucket, every 2,000 rows or five minutes. A file is written while the next rows
    are scored. Raises `FailureBudgetError`, with all rows written, as `FirstImages`
    does.
    """

    def __init__(self, run: Run):
        self._run = run

    def setup(self):
        """Start the thread, and take up the process's count of the first images."""
        self._thread = ThreadPoolExecutor(1)
        self._on_disk = is_local(self._run.output)
        rate = self._run.limits.max_failure_rate
        self._first_images = first_images_of(self._run.id, rate)

    def start_bundle(self):
        """Start with no rows waiting."""
        self._rows: list[LedgerRow] = []
        self._writing: Future[None] | None = None
        self._waiting_since = time.monotonic()

    def process(self, row: LedgerRow) -> Iterator[LedgerRow]:
        """Emit the row and keep it for the next file."""
        if not self._rows:
            self._waiting_since = time.monotonic()
        self._rows.append(row)
        waited = time.monotonic() - self._waiting_since
        rows, seconds = (
            (_ROWS, _SECONDS) if self._on_disk else (_BUCKET_ROWS, _BUCKET_SECONDS)
        )
        if len(self._rows) >= rows or waited >= seconds:
            self._write()
        try:
            self._first_images.add(row)
        except FailureBudgetError:
            self.finish_bundle()
            raise
        yield row

    def finish_bundle(self):
        """Write the rows still waiting, and wait until all are written."""
        if self._rows:
            self._write()
        if self._writing:
            self._writing.result()
        count_retries()

    def _write(self) -> None:
        """Begin to write the waiting rows when those before are written."""
        if self._writing:
            self._writing.result()
        self._writing = self._thread.submit(write_journal, self._rows, self._run)
        self._rows = []

    def teardown(self):
        """End the thread."""
        self._thread.shutdown()
