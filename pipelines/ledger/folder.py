"""The ledger's folder in a store: its manifests and the files that they name."""

import hashlib
import io

import pyarrow as pa
import pyarrow.parquet as pq

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
    newest, foreign = 0, None
    for found in storage_for(ledger).list(_as_folder(ledger)):
        name = found.uri[len(_as_folder(ledger)) :]
        folder, _, rest = name.partition("/")
        if folder == FOLDER:
            newest = max(newest, manifest_number(rest) or 0)
        elif folder not in ("runs", "journal"):
            foreign = foreign or name
    if foreign is not None and newest == 0:
        raise LedgerFolderError(
            f"{ledger} is not a ledger: it holds {foreign!r}; name an empty or new "
            "folder, or one that `musiq score` wrote"
        )
    return newest


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


def publish_manifest(ledger: str, number: int, manifest: Manifest) -> None:
    """Create manifest `number`; a retry by the same run changes nothing.

    Raises:
      LedgerFolderError: If another run has published that number.
      StorageError: If it cannot be written.
    """
    uri = join(ledger, manifest_name(number))
    if storage_for(uri).write_if_absent(uri, manifest.to_json()):
        return
    if read_manifest(ledger, number).run_id != manifest.run_id:
        raise LedgerFolderError(
            f"another run published {uri} while this one ran, so this one published "
            f"nothing; its rows are kept in runs/{manifest.run_id}. Run again"
        )


def read_ledger_file(
    ledger: str, file: LedgerFile, columns: list[str] | None = None
) -> pa.Table:
    """Read a file of the ledger, or some columns, and check its digest.

    Raises:
      LedgerFolderError: If it is missing or damaged.
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
    return pq.read_table(io.BytesIO(data), columns=columns)


def _as_folder(uri: str) -> str:
    return uri if uri.endswith("/") else f"{uri}/"
