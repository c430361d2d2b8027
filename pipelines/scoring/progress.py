"""Live counts of a run on one machine: workers write them, the launcher reads them.

Every worker has a file of its own, so nothing is shared and nothing is locked.
"""

import dataclasses
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

from schemas.ledger import LedgerRow

_TOTAL = "total"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """What a run has done so far.

    Attributes:
      done: Finished images, scored or failed.
      failed: Failed images among them.
      total: Images of the run, None while they are still being listed.
    """

    done: int
    failed: int
    total: int | None


class ProgressCounter:
    """One worker's counts; without a folder it does nothing."""

    def __init__(self, folder: str | None):
        self._file = Path(folder, f"worker-{uuid.uuid4().hex}") if folder else None
        self._done = 0
        self._failed = 0

    def add(self, rows: Sequence[LedgerRow]) -> None:
        """Count finished rows."""
        self._done += len(rows)
        self._failed += sum(row.failure is not None for row in rows)
        if self._file:
            _replace(self._file, f"{self._done} {self._failed}")


def write_total(folder: str | None, total: int) -> int:
    """Make the number of listed images known to the launcher, and return it."""
    if folder:
        _replace(Path(folder, _TOTAL), str(total))
    return total


def read_progress(folder: str) -> Progress:
    """Sum up the counts of all workers."""
    counts = [
        [int(number) for number in file.read_text().split()]
        for file in Path(folder).glob("worker-*")
        if not file.name.endswith(".new")
    ]
    total = Path(folder, _TOTAL)
    return Progress(
        done=sum(done for done, _ in counts),
        failed=sum(failed for _, failed in counts),
        total=int(total.read_text()) if total.exists() else None,
    )


def _replace(file: Path, text: str) -> None:
    """Replace a file's text at once, so that readers never see half of it."""
    new = file.with_name(f"{file.name}.new")
    new.write_text(text)
    os.replace(new, file)
