"""The flags by which the processes of a pod find each other."""

import dataclasses
import os

from schemas.errors import UsageError
from schemas.programs.flags import Flag
from training.running.processes_config import ProcessesConfig

_COORDINATOR = "MUSIQ_COORDINATOR"
_COUNT = "MUSIQ_PROCESS_COUNT"
_INDEX = "MUSIQ_PROCESS_INDEX"

# A process that trains alone needs none of them.
PROCESSES_FLAGS = (
    Flag(
        "distributed",
        "of several processes, which all run the same command: find the others by "
        "what the surroundings tell: a TPU slice, Slurm, Kubernetes or Open MPI",
    ),
    Flag(
        "coordinator",
        f"address of process 0, without --distributed (default: ${_COORDINATOR})",
        "HOST:PORT",
    ),
    Flag("process_count", f"how many processes there are (default: ${_COUNT})", "N"),
    Flag("process_index", f"which one this is, from 0 (default: ${_INDEX})", "I"),
    Flag("heartbeat_timeout_seconds", "all end when one is silent for S seconds", "S"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProcessesRequest:
    """How processes find each other, as the flags say; the environment says the rest.

    Attributes:
      distributed: Whether the surroundings tell.
      coordinator: HOST:PORT of process 0.
      process_count: Processes of the run.
      process_index: Which one this is.
      heartbeat_timeout_seconds: Silence after which a process counts as dead.
    """

    distributed: bool = False
    coordinator: str | None = None
    process_count: int | None = None
    process_index: int | None = None
    heartbeat_timeout_seconds: int = ProcessesConfig.heartbeat_timeout_seconds

    @property
    def processes(self) -> ProcessesConfig:
        """What the flags, or else the environment, say of the processes.

        Raises:
          UsageError: If they contradict each other.
        """
        return ProcessesConfig(
            coordinator_address=self.coordinator or os.environ.get(_COORDINATOR),
            process_count=_number(self.process_count, _COUNT),
            process_index=_number(self.process_index, _INDEX),
            detect=self.distributed,
            heartbeat_timeout_seconds=self.heartbeat_timeout_seconds,
        )


def _number(given: int | None, variable: str) -> int | None:
    text = os.environ.get(variable)
    if given is not None or not text:
        return given
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"{variable} must be a whole number, got {text!r}")
    return int(text)
