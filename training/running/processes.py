"""The processes of one run: how they find each other, and wait for each other.

A process that hangs holds up all others inside a collective operation, which says
nothing. So waiting has a limit here, and what is raised then names who is late.
"""

import re
import time
from typing import Any

import jax
from jax._src import distributed  # Barriers with a time limit have no public name.

from schemas.errors import UsageError
from training.errors import ProcessLost
from training.running.processes_config import ProcessesConfig

_POLL_SECONDS = 0.001
_ROLL_CALL_SECONDS = 15
_LATE = re.compile(r"timed out task names:\n((?:.*\d\n)+)")


def join_processes(config: ProcessesConfig) -> None:
    """Meet the other processes, if there are any; before any array is made.

    Raises:
      UsageError: If the surroundings do not tell, or the others cannot be met.
    """
    if config.coordinator_address is None and not config.detect:
        return
    try:
        jax.distributed.initialize(
            coordinator_address=config.coordinator_address,
            num_processes=config.process_count,
            process_id=config.process_index,
            heartbeat_timeout_seconds=config.heartbeat_timeout_seconds,
        )
    except (ValueError, RuntimeError) as error:
        raise UsageError(f"cannot join the other processes: {error}") from error


def is_first() -> bool:
    """Whether this process writes what is written once."""
    return jax.process_index() == 0


def meet(place: str, *, timeout_seconds: float) -> None:
    """Wait until all processes are here.

    Args:
      place: A name that is used once in a run.
      timeout_seconds: How long to wait.

    Raises:
      ProcessLost: Naming those that did not come.
    """
    client = distributed.global_state.client
    if jax.process_count() == 1 or client is None:
        return
    try:
        client.wait_at_barrier(place, int(timeout_seconds * 1000))
    except RuntimeError as error:
        raise ProcessLost(
            f"{_late(str(error))} did not reach {place!r} in time"
        ) from error


def wait_until_ready(values: Any, *, step: int, timeout_seconds: float) -> None:
    """Wait until arrays of a step are computed, which takes all processes.

    Raises:
      ProcessLost: If it takes too long, naming the processes that did not come to
        compute them.
    """
    if jax.process_count() == 1:
        jax.block_until_ready(values)
        return
    limit = time.monotonic() + timeout_seconds
    while not all(array.is_ready() for array in jax.tree.leaves(values)):
        if time.monotonic() > limit:
            meet(f"step {step}", timeout_seconds=_ROLL_CALL_SECONDS)
            raise ProcessLost(
                f"step {step} is not computed after {timeout_seconds:.0f} s, though "
                "all processes are waiting for it"
            )
        time.sleep(_POLL_SECONDS)


def _late(message: str) -> str:
    """Find the late processes in the coordination service's message, one a line."""
    found = _LATE.search(message)
    if found is None:
        return "a process"
    numbers = [re.findall(r"\d+", line)[-1] for line in found[1].splitlines()]
    return f"process {', '.join(sorted(numbers, key=int))}"
