"""Runs a program and watches what it costs."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
_INTERVAL_SECONDS = 0.1
_GEMM = """
import os, sys, time
os.environ.update(NPROC="1", OPENBLAS_NUM_THREADS="1")
import jax, jax.numpy as jnp
x, w = jnp.ones((4096, 384)), jnp.ones((384, 1152))
f = jax.jit(lambda x, w: x @ w)
f(x, w).block_until_ready()
best = 1e9
end = time.time() + 4
while time.time() < end:
    start = time.perf_counter()
    for _ in range(4):
        f(x, w).block_until_ready()
    best = min(best, (time.perf_counter() - start) / 4)
print(2 * 4096 * 384 * 1152 / best / 1e9)
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """One run of a program.

    Attributes:
      summary: The JSON that it printed.
      launcher_mib: Peak resident memory of the process itself.
      worker_mib: Peak resident memory of its largest child.
      total_mib: Peak of the sum over all of its processes.
      useful_gflop: Useful work that the run did, if somebody counted it.
    """

    summary: dict
    launcher_mib: float
    worker_mib: float
    total_mib: float
    useful_gflop: float = 0.0


def measure(
    arguments: Sequence[object],
    env: dict | None = None,
    *,
    module: str = "pipelines.cli",
    exit_code: int = 0,
) -> Measured:
    """Run `musiq` with arguments and sample the memory of all its processes."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=os.environ | (env or {}),
    )
    process = psutil.Process(running.pid)
    launcher = worker = total = 0
    while running.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):  # ended between two looks
            children = process.children(recursive=True)
            mine, *theirs = (p.memory_info().rss for p in [process, *children])
            launcher, worker = max(launcher, mine), max([worker, *theirs])
            total = max(total, mine + sum(theirs))
        time.sleep(_INTERVAL_SECONDS)
    assert running.stdout is not None
    out = running.stdout.read()
    if running.returncode != exit_code:
        raise RuntimeError(f"{command} exited with {running.returncode}")
    mib = 2**20
    return Measured(
        summary=json.loads(out),
        launcher_mib=launcher / mib,
        worker_mib=worker / mib,
        total_mib=total / mib,
    )


def gemm_gflops(processes: int) -> float:
    """Float32 matrix product rate of single-threaded processes side by side, summed."""
    running = [
        subprocess.Popen([sys.executable, "-c", _GEMM], stdout=subprocess.PIPE)
        for _ in range(processes)
    ]
    return sum(float(one.communicate()[0]) for one in running)
