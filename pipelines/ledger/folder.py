"""The ledger's folder in a store: its manifests and the files that they name."""

import contextlib
import difflib
import hashlib
import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ledger.schema_version import (
    schema_version,
    upgraded,
    upgraded_schema,
)
from pipelines.storage import StorageError, join, storage_for
from schemas.errors import MusiqError
from schemas.manifest import (
    FOLDER,
    LedgerFile,
    Manifest,
    ManifestError,
    manifest_name,
    manifest_number,
)

_MANIFEST_MAX_BYTES = 2**30


class LedgerFolderError(MusiqError):
    """A folder that is no ledger, or a ledger that somebody else changed meanwhile."""


def newest_manifest_number(ledger: str) -> int:
    """Return the number of the newest manifest, 0 if nothing was published yet.

    Args:
      ledger: The ledger's folder; it need not exist.

    Raises:
      LedgerFolderError: If the folder holds other things than a ledger.
      StorageError: If the folder cannot be listed.
    """
    storage = storage_for(ledger)
    manifests, root = join(ledger, f"{FOLDER}/"), join(ledger, "")
    names = (found.uri[len(manifests) :] for found in storage.list(manifests))
    if newest := max((manifest_number(name) or 0 for name in names), default=0):
        return newest
    for found in storage.list(root):
        name = found.uri[len(root) :]
        if name.partition("/")[0] not in (FOLDER, "runs", "journal"):
            raise LedgerFolderError(
                f"{ledger} is not a ledger: it holds {name!r}; name an empty or new "
                "folder, or one that `musiq score` wrote"
            )
    return 0


def read_manifest(ledger: str, number: int) -> Manifest:
    """Read manifest `number` of a ledger.

    Raises:
      LedgerFolderError: If it is missing or damaged.
    """
    uri = join(ledger, manifest_name(number))
    try:
        with storage_for(uri).open_read(uri) as file:
            return Manifest.from_json(file.read(_MANIFEST_MAX_BYTES))
    except (StorageError, ManifestError) as error:
        raise LedgerFolderError(f"cannot read {uri}: {error}") from error


def read_published(ledger: str, number: int) -> Manifest:
    """Read manifest `number` of a ledger, and see that its rows can be read.

    All files of a state are of one version, so one is looked at; if it is missing or
    damaged, reading it will tell.

    Raises:
      LedgerFolderError: If the manifest is missing or damaged.
      LedgerVersionError: If a newer program wrote the state.
    """
    manifest = read_manifest(ledger, number)
    for file in manifest.files[:1]:
        uri = join(ledger, file.path)
        with contextlib.suppress(StorageError, OSError, pa.ArrowException):
            with storage_for(uri).open_read(uri) as stream:
                schema = pq.read_schema(stream)
            schema_version(schema, uri)
    return manifest


def publish_manifest(ledger: str, number: int, manifest: Manifest) -> None:
    """Create manifest `number`; a retry by the same run changes nothing.

    Raises:
      LedgerFolderError: If another run has published that number.
      StorageError: If it cannot be written.
    """
    uri = join(ledger, manifest_name(number))
    if storage_for(uri).write_if_absent(uri, manifest.to_json()):
        if _is_in_place(ledger, number):
            return
        storage_for(uri).delete(uri)
    elif read_manifest(ledger, number).run_id == manifest.run_id:
        return
    raise LedgerFolderError(
        f"another run published {uri} while this one ran, so this one published "
        f"nothing; its rows are kept in runs/{manifest.run_id}. Run again"
    )


def _is_in_place(ledger: str, number: int) -> bool:
    """Whether a manifest that was just written is the newest, or was for a moment.

    A slow run may come when its number and later ones were published long ago, and its
    own was removed since: what it wrote fills a gap that cleaning left. Cleaning
    removes from the first number on, so the number before it is gone as well.
    """
    folder = join(ledger, f"{FOLDER}/")
    names = (found.uri[len(folder) :] for found in storage_for(ledger).list(folder))
    numbers = {manifest_number(name) for name in names} - {None}
    is_newest = not any(one is not None and one > number for one in numbers)
    return is_newest or number - 1 in numbers


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
            f"{uri} is not what its manifest says; restore it, or start anew elsewhere"
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
