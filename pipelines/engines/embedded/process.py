"""What jobs on this machine change in the process that starts them, all of it."""

import logging
import os
import threading

import grpc
from apache_beam.portability import python_urns
from apache_beam.runners.portability.fn_api_runner import worker_handlers

from pipelines.engines.embedded.deaths import WatchedWorkerHandler
from pipelines.engines.log_lines import WorkerLogs


def install() -> None:
    """Make this process one that runs jobs of the embedded engine.

    Changes stay until the process ends; to call again changes nothing more:

    - Beam starts worker processes by `WatchedWorkerHandler`, which notices deaths.
    - What goes to a worker is sent whole. Beam would send once a second what it has by
      then, in a thread beside the one that writes, and drop what is written meanwhile.
    - Beam logs nothing: failures reach the launcher as exceptions, which say it better.
    - What else workers log is logged here, a line each.
    - A thread that ends because a worker's connection has ended prints nothing.
    - Child processes have one heap for all threads: memory that one thread has freed
      serves the others.
    """
    register = worker_handlers.WorkerHandler.register_environment
    register(python_urns.SUBPROCESS_SDK, bytes)(WatchedWorkerHandler)
    worker_handlers.DATA_BUFFER_TIME_LIMIT_MS = 0
    worker_handlers.BasicLoggingService = WorkerLogs
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    threading.excepthook = _without_connections
    os.environ.setdefault("MALLOC_ARENA_MAX", "1")


def limit_to_one_thread() -> None:
    """Make JAX and numpy in this process and its children use one thread each.

    One single-threaded process a core does 1.8 times the work of one process with two
    threads. Call before JAX computes.
    """
    os.environ["NPROC"] = "1"
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")


def _without_connections(raised: threading.ExceptHookArgs) -> None:
    """Print what ended a thread, but not that a worker's connection has ended."""
    if not issubclass(raised.exc_type, grpc.RpcError):
        threading.__excepthook__(raised)
