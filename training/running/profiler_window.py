"""A profile of a few steps, for TensorBoard or xprof."""

import jax

from training.running.processes import is_first


class ProfilerWindow:
    """Records some steps of process 0 into `profile` in the run's folder."""

    def __init__(self, output: str, *, start_step: int | None, step_count: int):
        """Plan the window.

        Args:
          output: The run's folder.
          start_step: The first step to record; None records nothing.
          step_count: How many.
        """
        self._folder = output.rstrip("/") + "/profile"
        first = start_step if is_first() else None
        self._steps = range(0) if first is None else range(first, first + step_count)
        self._is_on = False

    def __enter__(self) -> "ProfilerWindow":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def before(self, step: int) -> None:
        """Start to record if this step is in the window, stop if it is past it."""
        if step in self._steps and not self._is_on:
            jax.profiler.start_trace(self._folder)
            self._is_on = True
        elif step not in self._steps:
            self._stop()

    def _stop(self) -> None:
        if self._is_on:
            jax.profiler.stop_trace()
            self._is_on = False
