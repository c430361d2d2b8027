"""A ledger's folder as an input: its newest rows are a manifest of their images.

What those say of generations and sizes is no listing: images are read as they are now.
"""

from pipelines.ledger.errors import ForeignTableError
from pipelines.ledger.states import newest_state
from pipelines.scoring.input import Input, InputKind


def found_ledger(folder: str) -> Input | None:
    """Return the newest rows of a ledger as an input; None if a folder is no ledger.

    Older states, and what no state names, lie in the same folder and are not read.

    Args:
      folder: Its URI, which ends with a slash.

    Raises:
      MusiqError: If the ledger is damaged, or a newer program wrote it.
      StorageError: If the store cannot be reached.
    """
    try:
        newest = newest_state(folder)
    except ForeignTableError:
        return None
    if newest is None:
        return None
    files = tuple(file.path for file in newest.manifest.files)
    return Input(number=0, uri=folder, kind=InputKind.PARQUET, files=files)
