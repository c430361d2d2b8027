"""Manifests, which stand in place of a log in old ledgers; they are only read."""

from pipelines.ledger.errors import LedgerFolderError
from pipelines.storage import StorageError, join, storage_for
from schemas.manifest import (
    FOLDER,
    Manifest,
    ManifestError,
    manifest_name,
    manifest_number,
)

_MANIFEST_MAX_BYTES = 2**30


def newest_manifest_number(ledger: str) -> int:
    """Return the number of the newest manifest, 0 if there is none.

    Raises:
      StorageError: If they cannot be listed.
    """
    folder = join(ledger, f"{FOLDER}/")
    names = (found.uri[len(folder) :] for found in storage_for(ledger).list(folder))
    return max((manifest_number(name) or 0 for name in names), default=0)


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
