"""`musiq clean`: from arguments to what was removed."""

import argparse
import datetime

from pipelines.cleaning.superfluous import find_superfluous
from pipelines.ledger.folder import LedgerFolderError
from pipelines.ledger.reader import open_ledger
from pipelines.storage import StorageError, storage_for
from schemas.errors import UsageError
from schemas.programs import printable, refuse_unknown


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Remove superfluous files, manifests first, and return the exit code.

    A manifest goes before the files that it names, so that no reader meets a state
    whose files are missing.
    """
    refuse_unknown("musiq clean", rest, args.flags)
    now = datetime.datetime.now(datetime.UTC)
    try:
        superfluous = find_superfluous(
            open_ledger(args.ledger).uri,
            keep=args.keep,
            changed_before=now - datetime.timedelta(hours=args.older_than_hours),
        )
        for found in superfluous:
            if args.dry_run:
                print(printable(found.uri))
            else:
                storage_for(found.uri).delete(found.uri)
    except (LedgerFolderError, StorageError) as error:
        raise UsageError(str(error)) from error
    size_mib = sum(found.size_bytes for found in superfluous) / 2**20
    done = "would remove" if args.dry_run else "removed"
    print(f"{done} {len(superfluous)} files, {size_mib:.1f} MiB")
    return 0
