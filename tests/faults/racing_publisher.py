"""One of two processes that publish into the same new ledgers, one after another."""

import json
import sys
from pathlib import Path

from pipelines.ledger.errors import LedgerFolderError
from pipelines.ledger.states import publish_state
from schemas.ledger import ledger_schema
from schemas.manifest import Counts, Manifest

SCHEMA = ledger_schema((), ())


def publish_in_each(folder: Path, run_id: str, rounds: int) -> list[str]:
    """Race for the first version of every ledger; return "won" or why not."""
    manifest = Manifest(
        run_id=run_id,
        created_at="2026-01-02T00:00:00+00:00",
        counts=Counts(named=0, duplicates=0, listed=0, scored=0, failed=0),
        failures={},
        shard_count=1,
        files=(),
        models={},
        settings={},
        versions={},
        score_quantiles={},
    )
    told = []
    for number in range(rounds):
        wait_for_other(folder / f"ready-{number}", run_id)
        try:
            publish_state(
                str(folder / f"ledger-{number}"), 0, manifest, schema=SCHEMA, stats={}
            )
            told.append("won")
        except LedgerFolderError as error:
            told.append(str(error))
    return told


def wait_for_other(folder: Path, name: str) -> None:
    """Return when both are here, without sleeping, so that both go on at once."""
    folder.mkdir(exist_ok=True)
    (folder / name).touch()
    while len(list(folder.iterdir())) < 2:
        pass


if __name__ == "__main__":
    at, name, count = sys.argv[1:]
    told = publish_in_each(Path(at), name, int(count))
    Path(at, f"{name}.json").write_text(json.dumps(told))
