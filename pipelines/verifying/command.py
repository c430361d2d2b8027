"""`musiq verify`: from arguments to a verdict."""

import argparse
import json

from pipelines.ledger.folder import LedgerFolderError
from pipelines.ledger.reader import open_ledger
from pipelines.storage import StorageError
from pipelines.verifying.verify_ledger import verify_ledger
from schemas.errors import UsageError
from schemas.manifest import manifest_name
from schemas.programs import printable, refuse_unknown


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Check the ledger and return the exit code."""
    refuse_unknown("musiq verify", rest, args.flags)
    try:
        ledger = open_ledger(args.ledger)
    except (LedgerFolderError, StorageError) as error:
        raise UsageError(str(error)) from error
    problems = verify_ledger(ledger)
    rows, name = ledger.row_count, manifest_name(ledger.number)
    if args.json:
        print(json.dumps({"manifest": name, "rows": rows, "problems": problems}))
    elif problems:
        print("\n".join(map(printable, problems)))
    else:
        print(f"{name}: {rows:,} rows in {len(ledger.files())} files, as published")
    return 1 if problems else 0
