"""SIGTERM as a wish to stop at a step on which all processes agree."""

import signal
import threading
from types import FrameType

import jax
from jax.experimental import multihost_utils

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopSignal:
    """Within its block, asks after every step whether the run should end.

    With `jax.distributed`, its preemption service takes SIGTERM and finds the step; a
    process alone notes SIGTERM or Ctrl-C itself. A second one acts at once.
    """

    def __init__(self):
        self._is_wanted = False
        self._previous = {}

    def __enter__(self) -> "StopSignal":
        alone = jax.process_count() == 1
        if alone and threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

    def is_reached(self, step: int) -> bool:
        """Whether the run should end after this step; to be asked after every step."""
        return self._is_wanted or multihost_utils.reached_preemption_sync_point(step)

    def _note(self, number: int, _: FrameType | None) -> None:
        self._is_wanted = True
        signal.signal(number, self._previous[number])
