"""How the processes of one run find each other; light, as the arguments need it."""

import dataclasses

from schemas.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProcessesConfig:
    """How this process finds the others of its run.

    Attributes:
      coordinator_address: HOST:PORT of process 0; None if there are no others, or if
        the surroundings tell.
      process_count: Processes of the run; None if the surroundings tell.
      process_index: Which one this is; None if the surroundings tell.
      detect: Ask the surroundings (TPU slice, Slurm, Kubernetes, Open MPI).
      heartbeat_timeout_seconds: Silence after which a process counts as dead and all
        others end.
    """

    coordinator_address: str | None = None
    process_count: int | None = None
    process_index: int | None = None
    detect: bool = False
    heartbeat_timeout_seconds: int = 100

    def __post_init__(self):
        if self.heartbeat_timeout_seconds < 1:
            raise UsageError(
                "heartbeat_timeout_seconds must be positive, got "
                f"{self.heartbeat_timeout_seconds}"
            )
        given = (self.coordinator_address, self.process_count, self.process_index)
        if not self.detect and None in given and given != (None, None, None):
            raise UsageError(
                "coordinator_address, process_count and process_index go together, "
                f"got {given[0]}, {given[1]} and {given[2]}"
            )
        count, index = self.process_count, self.process_index
        if count is not None and index is not None and not 0 <= index < count:
            raise UsageError(f"process_index must be in 0..{count - 1}, got {index}")
