"""The flags by which the processes of a pod find each other."""

from schemas.programs.flags import Flag
from training.commands.requests import (
    COORDINATOR,
    COUNT,
    INDEX,
)

# A process that trains alone needs none of them.
PROCESSES_FLAGS = (
    Flag(
        "distributed",
        "of several processes, which all run the same command: find the others by "
        "what the surroundings tell: a TPU slice, Slurm, Kubernetes or Open MPI",
    ),
    Flag(
        "coordinator",
        f"address of process 0, without --distributed (default: ${COORDINATOR})",
        "HOST:PORT",
    ),
    Flag(
        "process_count",
        f"how many processes there are (default: ${COUNT})",
        "N",
    ),
    Flag("process_index", f"which one this is, from 0 (default: ${INDEX})", "I"),
    Flag("heartbeat_timeout_seconds", "all end when one is silent for S seconds", "S"),
)
