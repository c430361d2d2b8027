"""Warnings that may come by the thousand, told once a minute.

They go to Python's logger `musiq`, wherever they come from, and so to Cloud Logging on
Dataflow and to stderr on this machine.
"""

import logging
import threading
import time
from collections.abc import Callable

from schemas.text import printable

LOGGER = logging.getLogger("musiq")
_EVERY_SECONDS = 60.0


class SparseWarnings:
    """Warnings of one kind; one object a process, for threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._told_at: float | None = None
        self._kept_quiet = 0
        self._lock = threading.Lock()

    def warn(self, line: str) -> None:
        """Log a line, unless one was logged within the last minute.

        The next that is logged says how many were not.
        """
        with self._lock:
            now = self._clock()
            if self._told_at is not None and now - self._told_at < _EVERY_SECONDS:
                self._kept_quiet += 1
                return
            quiet, self._kept_quiet, self._told_at = self._kept_quiet, 0, now
        more = f" ({quiet} more like it since the last such line)" if quiet else ""
        LOGGER.warning("%s%s", printable(line), more)
