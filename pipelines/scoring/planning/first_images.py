"""First images: a run whose first thousand fail ends instead of paying for millions."""

import functools
import threading
from collections import Counter

from pipelines.scoring.planning.failure_budget import FailureBudgetError, in_words
from schemas.ledger import LedgerRow

FIRST_IMAGES = 1000
_TIMES_THE_BUDGET = 2


class FirstImages:
    """Counts what becomes of the first thousand images of one process.

    They are no proof, but twice the budget is far beyond chance: if one image in twenty
    failed, that would be more than one in ten of a thousand once in 10^10 runs.
    Images that the ledger as last published has as failed do not count. For use by
    several threads at once.
    """

    def __init__(self, max_failure_rate: float):
        self._max_failure_rate = max_failure_rate
        self._tried = 0
        self._failures: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, row: LedgerRow) -> None:
        """Count a finished row.

        Raises:
          FailureBudgetError: If too many of the first thousand failed; for each row
            from then on, too, as the engine may try again.
        """
        with self._lock:
            if self._tried < FIRST_IMAGES and not row.failed_before:
                self._tried += 1
                if row.failure:
                    self._failures[row.failure.value] += 1
            is_over = self._tried == FIRST_IMAGES and self._is_hopeless()
        if is_over:
            raise FailureBudgetError(
                f"{self._failures.total()} of the first {FIRST_IMAGES} images of a "
                f"worker failed ({in_words(self._failures)}), more than twice what "
                f"--max_failure_rate {self._max_failure_rate:g} allows, so the run "
                "stopped and nothing was published; finished rows are kept: run again "
                "with what is wrong put right, or with a higher --max_failure_rate"
            )

    def _is_hopeless(self) -> bool:
        allowed = _TIMES_THE_BUDGET * self._max_failure_rate * FIRST_IMAGES
        return self._failures.total() > allowed


@functools.lru_cache(maxsize=1)
def first_images_of(run_id: str, max_failure_rate: float) -> FirstImages:
    """Return the one count of this process for a run, whichever bundles it works on."""
    return FirstImages(max_failure_rate)
