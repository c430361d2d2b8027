"""`musiq verify`: from arguments to a verdict."""

import json

from pipelines.ledger.reader import open_ledger
from pipelines.verifying.config import VerifyingConfig
from pipelines.verifying.verify_ledger import verify_ledger
from schemas.text import printable


def run(config: VerifyingConfig) -> int:
    """Check the ledger and return the exit code."""
    ledger = open_ledger(config.ledger)
    problems = verify_ledger(ledger)
    version, rows, files = ledger.version, ledger.row_count, len(ledger.files())
    if config.json:
        print(json.dumps({"version": version, "rows": rows, "problems": problems}))
    elif problems:
        print("\n".join(map(printable, problems)))
    else:
        print(f"version {version}: {rows:,} rows in {files} files, as published")
    return 1 if problems else 0
