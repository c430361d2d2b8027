"""What is told of the steps: collected on the devices, and fetched now and then."""

import math
import time
from typing import Any

import jax
import numpy as np

from training.errors import TrainingDiverged
from training.running.metrics import MetricsWriter
from training.running.processes import is_first, wait_until_ready
from training.running.progress import Progress

_STEPS_IN_FLIGHT = 2
_CHECKED = ("loss", "gradient_norm")
_NOT_AVERAGED = frozenset({"learning_rate"})


class StepLog:
    """Checks the numbers of every step; process 0 writes and shows them."""

    def __init__(
        self, output: str, *, start_step: int, step_count: int, timeout_seconds: float
    ):
        """Open the files of metrics.

        Args:
          output: The run's folder.
          start_step: Steps done before.
          step_count: Steps of the whole run.
          timeout_seconds: How long a step may take.
        """
        self._timeout_seconds = timeout_seconds
        self._pending: list[tuple[int, dict[str, jax.Array]]] = []
        self._since: float | None = None
        self._metrics = self._progress = None
        if is_first():
            self._metrics = MetricsWriter(output, start_step=start_step)
            self._progress = Progress(start_step, step_count)

    def __enter__(self) -> "StepLog":
        return self

    def __exit__(self, *_: object) -> None:
        if self._metrics and self._progress:
            self._progress.close()
            self._metrics.close()

    def add(self, step: int, values: dict[str, jax.Array]) -> None:
        """Take the numbers of a step that has begun; wait if many have not ended."""
        if self._since is None:
            # The first step has been compiled, which should not count.
            self._wait(step, values)
            self._since = time.monotonic()
            self._untimed = 1
        self._pending.append((step, values))
        if len(self._pending) > _STEPS_IN_FLIGHT:
            self._wait(*self._pending[-1 - _STEPS_IN_FLIGHT])

    def flush(self) -> None:
        """Fetch, check and write what was collected: averages over these steps.

        Raises:
          TrainingDiverged: If a loss or gradient is not finite, with the first step.
        """
        if not self._pending:
            return
        last = self._pending[-1][0]
        self._wait(*self._pending[-1])
        fetched = jax.device_get([values for _, values in self._pending])
        steps = [step for step, _ in self._pending]
        for step, values in zip(steps, fetched, strict=True):
            _require_finite(step, values)
        now = time.monotonic()
        means = {name: _mean(name, fetched) for name in fetched[0]}
        timed = len(fetched) - self._untimed
        if timed:
            assert self._since is not None
            means["seconds_per_step"] = (now - self._since) / timed
        if self._metrics and self._progress:
            self._metrics.write(last, means)
            self._progress.show(last, means)
        self._pending, self._since, self._untimed = [], now, 0

    def _wait(self, step: int, values: Any) -> None:
        wait_until_ready(values, step=step, timeout_seconds=self._timeout_seconds)


def _require_finite(step: int, values: dict[str, np.ndarray]) -> None:
    for name in _CHECKED:
        if not math.isfinite(values[name]):
            raise TrainingDiverged(
                f"the {name.replace('_', ' ')} of step {step} is {values[name]}; "
                "nothing was saved since. Lower the learning rate or look at the data"
            )


def _mean(name: str, steps: list[dict[str, np.ndarray]]) -> float:
    if name in _NOT_AVERAGED:
        return float(steps[-1][name])
    return float(np.mean([values[name] for values in steps], dtype=np.float64))
