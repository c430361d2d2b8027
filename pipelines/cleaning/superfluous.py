"""Which files of a ledger's folder no kept state needs."""

import datetime

from pipelines.ledger.reader import open_ledger
from pipelines.storage import StoredObject, join, storage_for
from schemas.manifest import FOLDER, manifest_name, manifest_number


def find_superfluous(
    ledger: str, *, keep: int, changed_before: datetime.datetime
) -> list[StoredObject]:
    """Return the files to remove, in the order of removal: manifests first.

    Args:
      ledger: The ledger's folder, with at least one published state.
      keep: States to keep, newest first.
      changed_before: Files of runs and journals changed later are spared, because
        their run may be going on. UTC.

    Raises:
      LedgerFolderError: If a kept manifest cannot be read; nothing is certain then.
      StorageError: If the folder cannot be listed.
    """
    root = join(ledger, "")
    manifests, others = {}, []
    for found in storage_for(ledger).list(root):
        name = found.uri.removeprefix(root)
        number = manifest_number(name.removeprefix(f"{FOLDER}/"))
        if number is not None and name == manifest_name(number):
            manifests[number] = found
        else:
            others.append(found)
    kept = sorted(manifests)[-keep:]
    needed = {
        join(ledger, file.path)
        for number in kept
        for file in open_ledger(ledger, number=number).files()
    }
    return [
        *(manifests[number] for number in sorted(manifests) if number not in kept),
        *(
            found
            for found in others
            if found.uri not in needed
            and found.modified_at is not None
            and found.modified_at < changed_before
        ),
    ]
