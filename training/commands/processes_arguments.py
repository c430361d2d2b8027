"""The arguments by which the processes of a pod find each other."""

import argparse
import os

from schemas.errors import UsageError
from schemas.legacy_arguments import ArgumentParser, positive
from training.running.processes_config import ProcessesConfig

_COORDINATOR = "MUSIQ_COORDINATOR"
_COUNT = "MUSIQ_PROCESS_COUNT"
_INDEX = "MUSIQ_PROCESS_INDEX"


def add_processes_arguments(parser: ArgumentParser) -> None:
    """Add the arguments; a process that trains alone needs none of them."""
    group = parser.add_argument_group(
        "several processes", "every process runs the same command"
    )
    group.add_argument(
        "--distributed",
        action="store_true",
        help="find the other processes by what the surroundings tell: a TPU slice, "
        "Slurm, Kubernetes or Open MPI",
    )
    group.add_argument(
        "--coordinator",
        metavar="HOST:PORT",
        help=f"address of process 0, without --distributed (default: ${_COORDINATOR})",
    )
    group.add_argument(
        "--process_count",
        type=int,
        metavar="N",
        help=f"how many processes there are (default: ${_COUNT})",
    )
    group.add_argument(
        "--process_index",
        type=int,
        metavar="I",
        help=f"which one this is, from 0 (default: ${_INDEX})",
    )
    group.add_argument(
        "--heartbeat_timeout_seconds",
        type=positive(int),
        default=ProcessesConfig.heartbeat_timeout_seconds,
        metavar="S",
        help="all end when one is silent for S seconds (default: %(default)s)",
    )


def processes_of(args: argparse.Namespace) -> ProcessesConfig:
    """Return what the arguments, or else the environment, say of the processes.

    Raises:
      UsageError: If they contradict each other.
    """
    coordinator = args.coordinator or os.environ.get(_COORDINATOR)
    return ProcessesConfig(
        coordinator_address=coordinator,
        process_count=_number(args.process_count, _COUNT),
        process_index=_number(args.process_index, _INDEX),
        detect=args.distributed,
        heartbeat_timeout_seconds=args.heartbeat_timeout_seconds,
    )


def _number(given: int | None, variable: str) -> int | None:
    text = os.environ.get(variable)
    if given is not None or not text:
        return given
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"{variable} must be a whole number, got {text!r}")
    return int(text)
