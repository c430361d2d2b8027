"""`musiq verify`: from arguments to a verdict."""

import json

from pipelines.ledger.folder import (
    newest_manifest_number,
    read_manifest,
)
from pipelines.storage import resolve
from pipelines.verifying.arguments import VerifyingConfig
from pipelines.verifying.verify_ledger import verify_ledger
from schemas.errors import UsageError
from schemas.manifest import manifest_name
from schemas.text import printable


def run(config: VerifyingConfig) -> int:
    """Check the ledger and return the exit code."""
    ledger = resolve(config.ledger, base=None)
    number = newest_manifest_number(ledger)
    if number == 0:
        raise UsageError(
            f"--ledger {config.ledger} has no published state; name a folder that "
            "`musiq score` has written to"
        )
    manifest = read_manifest(ledger, number)
    problems = verify_ledger(ledger, manifest)
    rows = sum(file.rows for file in manifest.files)
    if config.json:
        told = {"manifest": manifest_name(number), "rows": rows, "problems": problems}
        print(json.dumps(told))
    elif problems:
        print("\n".join(map(printable, problems)))
    else:
        files = len(manifest.files)
        print(f"{manifest_name(number)}: {rows:,} rows in {files} files, as published")
    return 1 if problems else 0
