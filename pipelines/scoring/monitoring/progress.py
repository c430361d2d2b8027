"""Live counts of a run on one machine: workers write them, the launcher reads them.

Every worker has a file of its own, so nothing is shared and nothing is locked.
"""

import contextlib
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

from pipelines.progress import Progress, Wording
from schemas.ledger import LedgerRow

WORDING = Wording(first="listing inputs", unit="images")
_NEW = ".new"
_BEFORE = "before"


class ProgressCounter:
    """One worker's counts; without a folder it does nothing."""

    def __init__(self, folder: str | None):
        self._file = Path(folder, uuid.uuid4().hex) if folder else None
        self._planned = self._done = self._failed = 0

    def plan(self, count: int) -> None:
        """Count images that will have to be scored."""
        self._planned += count
        self._write()

    def add(self, rows: Sequence[LedgerRow]) -> None:
        """Count finished rows."""
        self._done += len(rows)
        self._failed += sum(row.failure is not None for row in rows)
        self._write()

    def _write(self) -> None:
        """Replace the file at once, so that readers never see half of it."""
        if self._file:
            new = self._file.with_suffix(_NEW)
            new.write_text(f"{self._planned} {self._done} {self._failed}")
            os.replace(new, self._file)


def clear_progress(folder: str) -> None:
    """Forget all counts, for a run that starts again."""
    for file in Path(folder).iterdir():
        file.unlink()


def set_progress(folder: str, progress: Progress) -> None:
    """Forget all counts, for a part of a run before which so much was done."""
    clear_progress(folder)
    counts = f"{progress.total} {progress.done} {progress.failed or 0}"
    Path(folder, _BEFORE).write_text(counts)


def read_progress(folder: str) -> Progress:
    """Sum up the counts of all workers.

    All images are planned before the first is scored, so the total does not grow, but
    for some whose content decides.
    """
    totals = [0, 0, 0]
    for file in Path(folder).iterdir():
        with contextlib.suppress(FileNotFoundError):  # the job starts again
            if file.suffix != _NEW:
                counts = map(int, file.read_text().split())
                totals = [t + c for t, c in zip(totals, counts, strict=True)]
    planned, done, failed = totals
    return Progress(total=planned, done=done, failed=failed)
