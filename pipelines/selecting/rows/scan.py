"""The rows of a ledger in their fixed order: by file as its commit names them."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.fs as pa_fs
import pyarrow.parquet as pq

from pipelines.ledger.arrow_files import LedgerFiles
from pipelines.ledger.errors import LedgerFolderError
from pipelines.ledger.reader import LedgerReader
from pipelines.ledger.schema_version import upgraded, upgraded_schema
from pipelines.selecting.errors import SelectionError
from pipelines.storage import StorageError, join
from schemas.manifest import LedgerFile

# Rows that are read at a time: a few columns of them are some 50 MB.
_ROWS_READ = 131_072


def ledger_schema_of(ledger: LedgerReader) -> pa.Schema:
    """Return the columns of a ledger; all its files have the same.

    Raises:
      SelectionError: If it has no rows.
      LedgerFolderError: If the file that is looked at cannot be read.
      LedgerVersionError: If a newer program wrote it.
    """
    for file in ledger.files()[:1]:
        with _opened(ledger, file) as parquet:
            return upgraded_schema(parquet.schema_arrow, join(ledger.uri, file.path))
    raise SelectionError(f"{ledger.uri} has no rows to select from")


def scan(
    ledger: LedgerReader,
    columns: Sequence[str],
    *,
    wanted: np.ndarray | None = None,
    as_codes: Sequence[str] = (),
) -> Iterator[tuple[slice, pa.Table]]:
    """Yield columns of some 100,000 rows at a time, and which rows these are.

    Args:
      ledger: Whose rows.
      columns: Their names.
      wanted: bool [rows]; groups of rows without a wanted one are not read, and rows
        that are not wanted are left out. All rows by default.
      as_codes: Text columns among them that come as dictionaries.

    Raises:
      LedgerFolderError: If a file is missing or damaged, or not what its commit says.
    """
    start = 0
    for file in ledger.files():
        with _opened(ledger, file, as_codes) as parquet:
            for span, groups in _portions(parquet, start):
                mask = None if wanted is None else wanted[span]
                if mask is not None and not mask.any():
                    continue
                table = _read(parquet, groups, columns, join(ledger.uri, file.path))
                if mask is not None and not mask.all():
                    table = table.filter(pa.array(mask))
                yield span, table
        start += file.rows


def rows_at(
    ledger: LedgerReader, wanted: np.ndarray, columns: Sequence[str]
) -> pa.Table:
    """Return columns of a few rows together, in the ledger's order.

    Args:
      ledger: Whose rows.
      wanted: bool [rows].
      columns: Their names.
    """
    tables = [table for _, table in scan(ledger, columns, wanted=wanted)]
    if tables:
        return pa.concat_tables(tables)
    schema = ledger_schema_of(ledger)
    return pa.schema([schema.field(name) for name in columns]).empty_table()


def _portions(parquet: pq.ParquetFile, start: int) -> Iterator[tuple[slice, list[int]]]:
    """Yield the rows that are read together, and the numbers of their row groups."""
    groups: list[int] = []
    stop = start
    for number in range(parquet.metadata.num_row_groups):
        groups.append(number)
        stop += parquet.metadata.row_group(number).num_rows
        is_last = number == parquet.metadata.num_row_groups - 1
        if stop - start >= _ROWS_READ or is_last:
            yield slice(start, stop), groups
            start, groups = stop, []


def _read(
    parquet: pq.ParquetFile, groups: list[int], columns: Sequence[str], uri: str
) -> pa.Table:
    stored = parquet.schema_arrow
    newest = upgraded_schema(stored, uri)
    schema = pa.schema([newest.field(name) for name in columns], newest.metadata)
    names = [name for name in columns if name in stored.names]
    try:
        return upgraded(parquet.read_row_groups(groups, columns=names), schema)
    except (pa.ArrowException, OSError) as error:
        raise LedgerFolderError(f"{uri} cannot be read as Parquet: {error}") from error


def _opened(
    ledger: LedgerReader, file: LedgerFile, as_codes: Sequence[str] = ()
) -> pq.ParquetFile:
    """Open a file whose size and rows are those that were published."""
    uri = join(ledger.uri, file.path)
    files = pa_fs.PyFileSystem(LedgerFiles(ledger.uri, ledger.files()))
    try:
        parquet = pq.ParquetFile(
            files.open_input_file(file.path),
            read_dictionary=list(as_codes),
            pre_buffer=True,
        )
    except StorageError as error:
        raise LedgerFolderError(f"the ledger is incomplete: {error}") from error
    except (pa.ArrowException, OSError) as error:
        raise LedgerFolderError(f"{uri} cannot be read as Parquet: {error}") from error
    if parquet.metadata.num_rows != file.rows:
        parquet.close()
        raise LedgerFolderError(
            f"{uri} has {parquet.metadata.num_rows} rows, but the commit says "
            f"{file.rows}; restore it, or start anew elsewhere"
        )
    return parquet
