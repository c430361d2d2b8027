"""`musiq verify`: from arguments to a verdict."""

import json

from pipelines.ledger.reader import open_ledger
from pipelines.verifying.config import VerifyingConfig
from pipelines.verifying.verify_ledger import verify_ledger
from schemas.manifest import manifest_name
from schemas.text import printable


def run(config: VerifyingConfig) -> int:
    """Check the ledger and return the exit code."""
    ledger = open_ledger(config.ledger)
    problems = verify_ledger(ledger)
    rows, name = ledger.row_count, manifest_name(ledger.number)
    if config.json:
        print(json.dumps({"manifest": name, "rows": rows, "problems": problems}))
    elif problems:
        print("\n".join(map(printable, problems)))
    else:
        print(f"{name}: {rows:,} rows in {len(ledger.files())} files, as published")
    return 1 if problems else 0
