"""Asking a store again: how often, how patiently, and when it counts as down."""

import dataclasses
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from pipelines.sparse_warnings import SparseWarnings
from pipelines.storage.errors import StorageError

_Answer = TypeVar("_Answer")


class Repeated:
    """How many requests this process has made again, for whoever counts them."""

    def __init__(self):
        self._count = 0
        self._lock = threading.Lock()

    def add(self) -> None:
        """Count one."""
        with self._lock:
            self._count += 1

    def take(self) -> int:
        """Return how many there were since the last call."""
        with self._lock:
            count, self._count = self._count, 0
        return count


REPEATED = Repeated()
_WARNINGS = SparseWarnings()


class DamagedError(Exception):
    """Bytes do not arrive as they are stored."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How patiently one request is repeated after a passing fault.

    Waits grow fast up to a cap, each changed at random by up to a quarter so that
    workers do not ask in step. As set here they add up to 62 to 103 seconds: a store
    that is out for a minute loses no image, and each is asked for six times at most.
    That a store is down for good is known after some two minutes if it answers with
    errors, after ten if it takes connections and says nothing.

    Attributes:
      attempts: Requests for one object, the first included.
      attempts_in_doubt: The same while nothing was answered since another object used
        up all of its attempts, so that a store that is down is noticed soon.
      damaged_reads: Requests for an object whose bytes arrive damaged.
      losses_of_an_outage: Objects in a row that used up their attempts when the store
        counts as down.
      first_wait_seconds: Wait before the second request.
      growth: Factor between a wait and the next.
      longest_wait_seconds: The cap.
    """

    attempts: int = 6
    attempts_in_doubt: int = 3
    damaged_reads: int = 3
    losses_of_an_outage: int = 3
    first_wait_seconds: float = 0.5
    growth: float = 4.0
    longest_wait_seconds: float = 40.0

    def __post_init__(self):
        if not 1 <= self.attempts_in_doubt <= self.attempts:
            raise ValueError(
                f"attempts_in_doubt must be from 1 to attempts, got "
                f"{self.attempts_in_doubt} and {self.attempts}"
            )
        if min(self.damaged_reads, self.losses_of_an_outage) < 1:
            raise ValueError(f"limits must be positive, got {self}")

    def waits(self, attempts: int) -> Iterator[float]:
        """Yield the seconds between so many requests."""
        wait = self.first_wait_seconds
        for _ in range(attempts - 1):
            yield wait * random.uniform(0.75, 1.25)
            wait = min(wait * self.growth, self.longest_wait_seconds)


class Retrier:
    """Repeats the requests of one store's client; one object a process, for threads.

    Args:
      policy: How patiently.
      is_passing: Whether an error may be gone when the same is asked again.
      reason_of: What an error means, in words that hold no secrets.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        *,
        is_passing: Callable[[Exception], bool],
        reason_of: Callable[[Exception], str] = lambda error: type(error).__name__,
    ):
        self._policy = policy
        self._is_passing = is_passing
        self._reason_of = reason_of
        self._losses = 0
        self._lock = threading.Lock()

    def call(self, request: Callable[[], _Answer]) -> _Answer:
        """Return what a request gives, repeated while its faults may pass.

        Raises:
          Exception: What the last request raised.
        """
        policy = self._policy
        waits = policy.waits(
            policy.attempts_in_doubt if self._losses else policy.attempts
        )
        damaged = 0
        while True:
            try:
                answer = request()
            except Exception as error:
                damaged += isinstance(error, DamagedError)
                if not (isinstance(error, DamagedError) or self._is_passing(error)):
                    self._count(lost=False)  # an answer, if not a good one
                    raise
                wait = None if damaged == policy.damaged_reads else next(waits, None)
                if wait is None:
                    self._count(lost=True)
                    raise
                self._tell(error)
                time.sleep(wait)
            else:
                self._count(lost=False)
                return answer

    def require_up(self, uri: str, reason: str) -> None:
        """Give the store up once too many objects in a row have failed.

        Args:
          uri: The last of them.
          reason: Why that could not be read.

        Raises:
          StorageError: If the store counts as down. The job must fail then: rows that
            say `read_error` of every image would help nobody.
        """
        if self._losses >= self._policy.losses_of_an_outage:
            raise StorageError(
                f"cannot read {uri}: {reason}; it was the same with "
                f"{self._losses - 1} more in a row, so the store counts as down: run "
                "again when it answers, finished rows are kept"
            )

    def _tell(self, error: Exception) -> None:
        is_damage = isinstance(error, DamagedError)
        reason = "bytes arrive damaged" if is_damage else self._reason_of(error)
        REPEATED.add()
        _WARNINGS.warn(f"a request to the store is made again: {reason}")

    def _count(self, *, lost: bool) -> None:
        with self._lock:
            self._losses = self._losses + 1 if lost else 0
