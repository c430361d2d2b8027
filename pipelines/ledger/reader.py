"""Reading a ledger: the one face of it, for this project's programs and for others."""

import dataclasses
import importlib.util
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pa_dataset
import pyarrow.fs as pa_fs

from pipelines.ledger.arrow_files import LedgerFiles
from pipelines.ledger.errors import LedgerFolderError
from pipelines.ledger.files import read_ledger_file
from pipelines.ledger.schema_version import upgraded_schema
from pipelines.ledger.states import newest_state, read_state, require_no_other_folder
from pipelines.storage import NameRefused, resolve
from schemas.manifest import Counts, LedgerFile, Manifest


@dataclasses.dataclass(frozen=True, kw_only=True)
class LedgerReader:
    """One published state of a ledger; it stays the same while new ones are published.

    Attributes:
      uri: The ledger's folder.
      version: Of the state, counted from 0; every run that publishes adds one.
    """

    uri: str
    version: int
    _manifest: Manifest

    @property
    def run_id(self) -> str:
        """The run that published this state."""
        return self._manifest.run_id

    @property
    def created_at(self) -> str:
        """When that run started, ISO 8601, UTC."""
        return self._manifest.created_at

    @property
    def row_count(self) -> int:
        """Rows of this state: one for every input."""
        return sum(file.rows for file in self.files())

    @property
    def counts(self) -> Counts:
        """How many inputs that run had, and what became of them."""
        return self._manifest.counts

    @property
    def failures(self) -> dict[str, int]:
        """Rows without scores by their reason."""
        return self._manifest.failures

    @property
    def models(self) -> dict[str, dict[str, Any]]:
        """Digest, URI and score range of each model; model X fills column `musiq_X`."""
        return self._manifest.models

    @property
    def settings(self) -> dict[str, Any]:
        """Everything else that can change a score."""
        return self._manifest.settings

    @property
    def asked(self) -> dict[str, Any]:
        """What that run was asked for, by the names of its flags; {} if unknown."""
        return self._manifest.asked

    @property
    def score_quantiles(self) -> dict[str, dict[str, float]]:
        """Quantiles of each model's scores: `{model: {"0.5": median, ...}}`."""
        return self._manifest.score_quantiles

    @property
    def shard_count(self) -> int:
        """Shards that the rows are divided into by their URIs, a power of two."""
        return self._manifest.shard_count

    def files(self) -> tuple[LedgerFile, ...]:
        """Return the Parquet files of this state; their paths are below `uri`."""
        return self._manifest.files

    def read_file(
        self, file: LedgerFile, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Read one file, or some of its columns, and check its digest.

        Raises:
          LedgerFolderError: If it is missing, damaged or has no such column.
        """
        return read_ledger_file(self.uri, file, columns)

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows file by file: one file is in memory at a time.

        Raises:
          LedgerFolderError: If a file is missing, damaged or has no such column.
        """
        for file in self.files():
            yield self.read_file(file, columns)

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return all rows, or some columns of them, in no order that means anything.

        Every file is read whole and its digest checked; only the columns asked for stay
        in memory. The table is taken by others as it is:

            polars.from_arrow(ledger.table())
            table = ledger.table(); duckdb.sql("SELECT count(*) FROM table")

        Args:
          columns: Their names; all by default.

        Raises:
          LedgerFolderError: If a file is missing, damaged or has no such column.
          StorageError: If the store does not answer.
        """
        return pa.concat_tables(self.tables(columns))

    def dataset(self) -> pa_dataset.Dataset:
        """Return the rows as a dataset that reads only what a query needs.

        For ledgers that memory does not hold: from an object store each query fetches
        the columns and row groups that it needs, by ranges of at least 1 MiB. As not
        every byte is read, sizes are checked but no digests. DuckDB queries it by the
        name of its variable, Polars by `polars.scan_pyarrow_dataset`.
        """
        files = pa_fs.PyFileSystem(LedgerFiles(self.uri, self.files()))
        paths = [file.path for file in self.files()]
        stored = pa_dataset.dataset(paths, format="parquet", filesystem=files)
        return stored.replace_schema(upgraded_schema(stored.schema, self.uri))

    def to_pandas(self, columns: Sequence[str] | None = None) -> Any:
        """Return `table(columns)` as a `pandas.DataFrame`.

        Raises:
          LedgerFolderError: As `table`, and if pandas is not installed.
        """
        if importlib.util.find_spec("pandas") is None:
            raise LedgerFolderError("to_pandas needs pandas: pip install pandas")
        return self.table(columns).to_pandas()


def open_ledger(uri: str, *, version: int | None = None) -> LedgerReader:
    """Open a published state of a ledger.

    Args:
      uri: The ledger's folder, which `musiq score --output` named: a local path, gs://
        or s3://. `FOLDER@3` is its version 3.
      version: Of an older state, in place of that; the newest by default.

    Raises:
      LedgerFolderError: If there is no ledger, or no such version; one line.
      LedgerVersionError: If a newer program wrote it.
      StorageError: If the store does not answer.
    """
    name, named_version = _divided(uri)
    try:
        folder = resolve(name, base=None)
    except NameRefused as error:
        raise LedgerFolderError(f"{uri!r} names no folder: {error}") from error
    wanted = named_version if version is None else version
    state = newest_state(folder) if wanted is None else read_state(folder, wanted)
    if state is None:
        require_no_other_folder(folder)
        raise LedgerFolderError(
            f"{name} has no published state; name a folder that `musiq score` has "
            "written to"
        )
    return LedgerReader(uri=folder, version=state.version, _manifest=state.manifest)


def _divided(uri: str) -> tuple[str, int | None]:
    """Divide `FOLDER@VERSION`."""
    named = re.fullmatch(r"(.+)@([0-9]{1,19})", uri, re.DOTALL)
    return (named[1], int(named[2])) if named else (uri, None)
