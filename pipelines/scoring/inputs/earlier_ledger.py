"""A ledger's folder as an input: its newest rows are a manifest of their images.

What those say of generations and sizes is no listing: images are read as they are now.
"""

from pipelines.ledger.folder import (
    LedgerFolderError,
    newest_manifest_number,
    read_published,
)
from pipelines.scoring.input import Input, InputError, InputKind
from pipelines.storage import has_magic, storage_for
from schemas.manifest import FOLDER


def found_ledger(text: str, folder: str) -> Input | None:
    """Return the newest rows of a ledger as an input; None if a folder is no ledger.

    Older states, whose files lie in the same folder, are not read.

    Args:
      text: The input as the user gave it.
      folder: Its URI, which ends with a slash.

    Raises:
      InputError: If no glob can name the rows.
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
    if has_magic(folder):
        raise InputError(
            f"--input {text} is a ledger, which is read from a folder without *, ? and "
            "[ in its name; rename it"
        )
    rows = f"{folder}runs/{read_published(folder, number).run_id}/*.parquet"
    return Input(
        number=0, uri=rows, kind=InputKind.PARQUET, is_many=True, is_listing=False
    )
