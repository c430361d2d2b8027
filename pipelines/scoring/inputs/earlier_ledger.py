"""A ledger's folder as an input: its newest rows are a manifest of their images."""

from pipelines.ledger.folder import (
    LedgerFolderError,
    newest_manifest_number,
    read_published,
)
from pipelines.scoring.input import Input, InputKind
from pipelines.storage import storage_for
from schemas.manifest import FOLDER


def found_ledger(folder: str) -> Input | None:
    """Return the newest rows of a ledger as an input; None if a folder is no ledger.

    Older states, and what no state names, lie in the same folder and are not read.

    Args:
      folder: Its URI, which ends with a slash.

    Raises:
      MusiqError: If the ledger is damaged, or a newer program wrote it.
      StorageError: If the store cannot be reached.
    """
    if not storage_for(folder).is_folder(f"{folder}{FOLDER}/"):
        return None
    try:
        number = newest_manifest_number(folder)
    except LedgerFolderError:
        return None  # a folder of other things, in which one has this name
    if not number:
        return None
    files = tuple(file.path for file in read_published(folder, number).files)
    return Input(number=0, uri=folder, kind=InputKind.PARQUET, files=files)
