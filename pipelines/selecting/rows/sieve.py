"""Which rows are still in, and for each other one the reason that it is not."""

import dataclasses

import numpy as np

VANISHED = "vanished"
FAILED = "failed"
_MAX_REASONS = 255


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reason:
    """Why rows are not kept.

    Attributes:
      step: The step that removed them: a condition or the choice, as it was asked for.
      text: What a list of the rest says of each of them.
    """

    step: str
    text: str


class Sieve:
    """Removes rows step by step.

    Attributes:
      codes: uint8 [rows], 0 of a row that is still in, else the number of its reason.
      reasons: By their numbers; the first stands for no reason.
    """

    def __init__(self, rows: int):
        self.codes = np.zeros(rows, np.uint8)
        self.reasons = [Reason(step="", text="")]

    def reason(self, step: str, text: str) -> int:
        """Return the number of a new reason; steps come in the order of their first."""
        assert len(self.reasons) < _MAX_REASONS
        self.reasons.append(Reason(step=step, text=text))
        return len(self.reasons) - 1

    @property
    def inside(self) -> np.ndarray:
        """The rows that are still in, bool [rows]."""
        return self.codes == 0

    @property
    def scored(self) -> np.ndarray:
        """The rows that have scores and are named by the inputs, bool [rows]."""
        has_score = [one.step not in (VANISHED, FAILED) for one in self.reasons]
        return np.array(has_score)[self.codes]

    def removed(self) -> np.ndarray:
        """Return how many rows have each reason, int64 [reasons]."""
        return np.bincount(self.codes, minlength=len(self.reasons))
