"""The Parquet files of a ledger: read whole, checked, and in the newest schema."""

import difflib
import hashlib
import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ledger.errors import LedgerFolderError
from pipelines.ledger.schema_version import upgraded, upgraded_schema
from pipelines.storage import StorageError, join, storage_for
from schemas.manifest import LedgerFile


def read_ledger_file(
    ledger: str, file: LedgerFile, columns: Sequence[str] | None = None
) -> pa.Table:
    """Read a file of the ledger, or some columns, and check its digest.

    Raises:
      LedgerFolderError: If it is missing or damaged, or has no such column.
    """
    uri = join(ledger, file.path)
    try:
        with storage_for(uri).open_read(uri) as stream:
            data = stream.read()
    except StorageError as error:
        raise LedgerFolderError(f"the ledger is incomplete: {error}") from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise LedgerFolderError(
            f"{uri} is not what its commit says; restore it, or start anew elsewhere"
        )
    return read_upgraded(data, uri, columns)


def read_upgraded(
    data: bytes, uri: str, columns: Sequence[str] | None = None
) -> pa.Table:
    """Read the bytes of a file of rows, or some columns, in the newest schema.

    Args:
      data: A Parquet file.
      uri: The file, for messages.
      columns: Their names; all by default.

    Raises:
      LedgerFolderError: If it is no Parquet file, or has no such column.
      LedgerVersionError: If a newer program wrote it, or none of this project.
    """
    try:
        parquet = pq.ParquetFile(io.BytesIO(data))
        stored = parquet.schema_arrow
        schema = upgraded_schema(stored, uri)
        if columns is not None:
            _require_columns(columns, schema.names, uri)
            fields = [schema.field(name) for name in columns]
            schema = pa.schema(fields, schema.metadata)
        names = [name for name in schema.names if name in stored.names]
        return upgraded(parquet.read(names), schema)
    except pa.ArrowException as error:
        raise LedgerFolderError(f"{uri} cannot be read as Parquet: {error}") from error


def _require_columns(columns: Sequence[str], names: Sequence[str], uri: str) -> None:
    for missing in (column for column in columns if column not in names):
        close = difflib.get_close_matches(missing, names, n=1)
        hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(names)}"
        raise LedgerFolderError(f"{uri} has no column {missing!r}; {hint}")
