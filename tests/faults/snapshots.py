"""What a reader of a ledger sees, and whether two states are equal."""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from helpers.run_musiq import run_here

from pipelines.ledger.log import newest_version
from pipelines.ledger.reader import open_ledger
from pipelines.verifying.verify_ledger import verify_ledger


class Facts(NamedTuple):
    """What a fault must not change of a row; its URI is the key."""

    generation: str | None
    status: str
    failure: str | None
    score: float | None
    model: str | None


Snapshot = Mapping[str, Facts]


def read_snapshot(ledger: Path | str) -> Snapshot | None:
    """What a reader sees, None before the first publication; of one model's ledger.

    Raises:
      LedgerFolderError: If a file is missing or damaged.
    """
    version = newest_version(str(ledger))
    if version < 0:
        return None
    reader = open_ledger(str(ledger), version=version)
    assert verify_ledger(reader) == []
    [model] = reader.models
    scores = f"musiq_{model}"
    columns = ["uri", "generation", "status", "failure", scores, f"{scores}_model"]
    rows = reader.table(columns).select(columns).to_pylist()
    return {uri: Facts(*facts) for uri, *facts in (row.values() for row in rows)}


def differences(found: Snapshot | None, expected: Snapshot) -> list[str]:
    """What is not equal, scores to 1e-5; a few lines suffice."""
    if found is None:
        return ["nothing was published"]
    told = [f"{uri} is missing" for uri in expected.keys() - found.keys()]
    told += [f"{uri} is too much" for uri in found.keys() - expected.keys()]
    for uri in expected.keys() & found.keys():
        score = pytest.approx(expected[uri].score, abs=1e-5)
        if found[uri] != expected[uri]._replace(score=score):
            told.append(f"{uri}: {found[uri]} instead of {expected[uri]}")
    return told[:5]


def require_published(ledger: Path, expected: Snapshot) -> None:
    """Fail unless the newest state is equal to another and passes `musiq verify`."""
    assert differences(read_snapshot(ledger), expected) == []
    outcome = run_here("verify", "--ledger", ledger)
    assert outcome.code == 0, outcome.out


@contextlib.contextmanager
def concurrent_reader(ledger: Path, *allowed: Snapshot | None) -> Iterator[None]:
    """Read all the time until the block ends; fail if any other state was seen."""
    stop = threading.Event()
    wrong: list[str] = []

    def read() -> None:
        while not stop.is_set():
            try:
                seen = read_snapshot(ledger)
            except Exception as error:  # whatever it is, a reader must not see it
                wrong.append(repr(error))
                return
            if not any(_is_same(seen, state) for state in allowed):
                wrong.append(f"a reader saw a state of {len(seen or ())} rows")
                return
            time.sleep(0.2)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert wrong == []


def _is_same(seen: Snapshot | None, state: Snapshot | None) -> bool:
    if state is None:
        return seen is None
    return not differences(seen, state)
