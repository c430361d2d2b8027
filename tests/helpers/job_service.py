"""Beam's portable job service and its worker pool, each a process of its own.

Submission, staging, the Fn API over sockets and the worker pool are those that Flink's
job server uses; what schedules and executes the job is Beam's own local engine.
"""

import contextlib
import dataclasses
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from helpers.run_musiq import ROOT

_START_SECONDS = 60
_GONE_SECONDS = 15


@dataclasses.dataclass(frozen=True)
class PortableService:
    """A job service and a worker pool that run.

    Attributes:
      job_endpoint: Where jobs are submitted.
      pool: Address of the worker pool.
    """

    job_endpoint: str
    pool: str
    _pool_process: psutil.Process

    @property
    def flags(self) -> tuple[str, ...]:
        """What a command is told to run its job here."""
        return (
            *("--runner", "FlinkRunner", "--job_endpoint", self.job_endpoint),
            *("--environment_type", "EXTERNAL", "--environment_config", self.pool),
            *("--parallelism", "2"),
        )

    def workers(self) -> list[psutil.Process]:
        """The worker processes that the pool has started."""
        return [
            child
            for child in self._pool_process.children()
            if child.status() != psutil.STATUS_ZOMBIE
        ]


@contextlib.contextmanager
def running_portable_service(folder: Path) -> Iterator[PortableService]:
    """Run both until the block ends.

    Args:
      folder: For their files and what they print.
    """
    portability = "apache_beam.runners.portability.local_job_service_main"
    pool = "apache_beam.runners.worker.worker_pool_main"
    with contextlib.ExitStack() as stack:
        start = stack.enter_context
        job_port, _ = start(_running(folder, portability, "--port"))
        pool_port, process = start(_running(folder, pool, "--service_port"))
        yield PortableService(
            f"localhost:{job_port}", f"localhost:{pool_port}", psutil.Process(process)
        )


@contextlib.contextmanager
def _running(folder: Path, module: str, port_flag: str) -> Iterator[tuple[int, int]]:
    """Run a module on a free port; gives the port and the process's id."""
    port = _free_port()
    with open(folder / f"{module.rpartition('.')[2]}.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, f"{port_flag}={port}"],
            stdout=log,
            stderr=log,
            cwd=folder,
            env=os.environ | _environment(),
        )
    try:
        _wait_for(port, process)
        yield port, process.pid
    finally:
        family = [psutil.Process(process.pid), *_descendants(process.pid)]
        process.terminate()
        _, alive = psutil.wait_procs(family, _GONE_SECONDS)
        for left in alive:
            left.kill()
        process.wait()


def _environment() -> dict[str, str]:
    """The pool starts its workers as `python`, whichever that is."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {"PATH": path, "PYTHONPATH": str(ROOT), "NPROC": "1"}


def _descendants(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def _wait_for(port: int, process: subprocess.Popen) -> None:
    give_up_at = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up_at:
        if process.poll() is not None:
            raise RuntimeError(f"the service ended with {process.returncode}")
        with contextlib.suppress(OSError):
            socket.create_connection(("localhost", port), 1).close()
            return
        time.sleep(0.1)
    raise RuntimeError(f"the service did not answer in {_START_SECONDS} s")
