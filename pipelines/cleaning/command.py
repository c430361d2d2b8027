"""`musiq clean`: from arguments to what was removed."""

import datetime

from pipelines.cleaning.config import CleaningConfig
from pipelines.cleaning.superfluous import find_superfluous
from pipelines.ledger.reader import open_ledger
from pipelines.storage import storage_for
from schemas.text import printable


def run(config: CleaningConfig) -> int:
    """Remove superfluous files, manifests first, and return the exit code.

    A manifest goes before the files that it names, so that no reader meets a state
    whose files are missing.
    """
    now = datetime.datetime.now(datetime.UTC)
    superfluous = find_superfluous(
        open_ledger(config.ledger).uri,
        keep=config.keep,
        changed_before=now - datetime.timedelta(hours=config.older_than_hours),
    )
    for found in superfluous:
        if config.dry_run:
            print(printable(found.uri))
        else:
            storage_for(found.uri).delete(found.uri)
    size_mib = sum(found.size_bytes for found in superfluous) / 2**20
    done = "would remove" if config.dry_run else "removed"
    print(f"{done} {len(superfluous)} files, {size_mib:.1f} MiB")
    return 0
