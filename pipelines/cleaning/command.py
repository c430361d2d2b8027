"""`musiq clean`: from arguments to what was removed."""

import datetime
from concurrent.futures import ThreadPoolExecutor

from pipelines.cleaning.config import CleaningConfig
from pipelines.cleaning.superfluous import find_superfluous
from pipelines.ledger.log import put_checkpoint
from pipelines.ledger.reader import open_ledger
from pipelines.storage import StoredObject, storage_for
from schemas.text import printable

_THREADS = 32


def run(config: CleaningConfig) -> int:
    """Remove superfluous files, those of the log first, and return the exit code.

    The oldest kept state becomes a checkpoint, so that it needs no older commit; and a
    commit goes before the files that it added, so that no reader meets a state whose
    files are missing.
    """
    now = datetime.datetime.now(datetime.UTC)
    ledger = open_ledger(config.ledger).uri
    superfluous = find_superfluous(
        ledger,
        keep=config.keep,
        changed_before=now - datetime.timedelta(hours=config.older_than_hours),
    )
    removed = [*superfluous.log, *superfluous.files]
    if config.dry_run:
        for found in removed:
            print(printable(found.uri))
    else:
        if superfluous.log:
            put_checkpoint(ledger, superfluous.first_kept)
        for found in superfluous.log:
            _delete(found)
        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(_delete, superfluous.files))
    size_mib = sum(found.size_bytes for found in removed) / 2**20
    done = "would remove" if config.dry_run else "removed"
    print(f"{done} {len(removed)} files, {size_mib:.1f} MiB")
    if superfluous.spared_runs:
        runs = ", ".join(map(printable, superfluous.spared_runs))
        print(f"spared what may belong to runs that are going on: {runs}")
    return 0


def _delete(found: StoredObject) -> None:
    storage_for(found.uri).delete(found.uri)
