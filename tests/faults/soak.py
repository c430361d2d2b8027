"""A long job under kills: `make soak`, or `make soak IMAGES=500 KILL_EVERY_SECONDS=15`.

Scores many small images, one in a hundred hostile, with the built-in model, from and to
a bucket of which one request in fifty fails, while a worker or the launcher is killed
every so often; after a launcher the job is started again. The end must be equal to a
run without kills and faults, memory must not grow, and nothing may be left behind.
"""

import argparse
import contextlib
import dataclasses
import math
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import psutil
from faults.running_job import RunningJob
from faults.snapshots import differences, read_snapshot
from helpers.fault_proxy import (
    CUT,
    FLIPPED,
    LOST,
    RESET,
    SHORT,
    ZEROED,
    FaultProxy,
    running_proxy,
)
from helpers.gcs_double import GcsDouble, running_double
from helpers.gcs_emulator import BUCKET
from helpers.local_server import environment
from helpers.make_images import encoded, noise
from helpers.shared_data import bad_inputs
from rich.console import Console
from rich.table import Table

_DISTINCT_IMAGES = 60
_HOSTILE_SHARE = 0.01
_FAULT_SHARE = 0.02
_FAULTS = (429, 500, 503, RESET, LOST, SHORT, CUT, ZEROED)
_FAULTS_OF_READS = (*_FAULTS, FLIPPED)  # other answers have no checksum of their own
_SAMPLE_SECONDS = 0.5
_MIN_SAMPLES = 10
_ROLES = {
    "launcher": "pipelines.cli",
    "worker": "pipelines.engines.embedded.worker",
    "decoder": "pipelines.decoding.child",
}
_GIVES_UP = "worker processes keep dying"
_MAX_GROWTH = 0.10
_WORKER_SHARE = 0.7


@dataclasses.dataclass(kw_only=True)
class Soak:
    """What happened.

    Attributes:
      launcher_kills: Launchers killed and started again.
      worker_kills: Workers killed; their jobs go on by themselves.
      jobs_given_up: Jobs of which too many workers were killed, started again too.
      requests: Requests to the store that could fail.
      faults: Those that did.
      seconds: Of the run without kills and faults, and of the one with them.
      memory_mib: Samples by role and process, after warm-up.
      problems: What must not have happened.
    """

    launcher_kills: int = 0
    worker_kills: int = 0
    jobs_given_up: int = 0
    requests: int = 0
    faults: int = 0
    seconds: tuple[float, float] = (0.0, 0.0)
    memory_mib: dict[tuple[str, int], list[float]] = dataclasses.field(
        default_factory=lambda: defaultdict(list)
    )
    problems: list[str] = dataclasses.field(default_factory=list)

    def growths(self, role: str) -> list[float]:
        """Return by which share each process of a role grew, last third over first."""
        shares = []
        for (found, _), samples in self.memory_mib.items():
            third = len(samples) // 3
            if found == role and third >= _MIN_SAMPLES:
                shares.append(sum(samples[-third:]) / sum(samples[:third]) - 1)
        return shares


def main() -> int:
    """Soak, print a table and return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--kill_every_seconds", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--warm_up_seconds", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="musiq-soak-"))
    try:
        soak = run(folder, args)
    finally:
        shutil.rmtree(folder)
    print_table(soak, args)
    return 1 if soak.problems else 0


def run(folder: Path, args: argparse.Namespace) -> Soak:
    """Run without kills and faults, then with, and compare."""
    bucket = f"gs://{BUCKET}"
    command = ["score", "--input", f"{bucket}/photos/", "--workers", args.workers]
    soak, started = Soak(), time.monotonic()
    with running_double() as (double, env), environment(env):
        put_photos(double, args.images)
        undisturbed = RunningJob(
            *command, "--output", f"{bucket}/undisturbed", temporary=folder / "calm"
        )
        watch(undisturbed, soak, args.warm_up_seconds, until=math.inf)
        require_end(undisturbed, soak, codes=(0,))
        expected = read_snapshot(f"{bucket}/undisturbed")
        assert expected is not None, soak.problems
        calm_seconds = time.monotonic() - started
        [(variable, address)] = env.items()
        with running_proxy(address, seed=args.seed) as (proxy, faulty_address):
            proxy.fail_at_random(_FAULT_SHARE, *_FAULTS)
            proxy.fail_at_random(_FAULT_SHARE, *_FAULTS_OF_READS, operation="read")
            command += ["--output", f"{bucket}/ledger"]
            run_disturbed(command, {variable: faulty_address}, folder, soak, args)
            count_faults(proxy, soak)
        soak.problems += differences(read_snapshot(f"{bucket}/ledger"), expected)
    soak.seconds = (calm_seconds, time.monotonic() - started - calm_seconds)
    for role in _ROLES:
        if max(soak.growths(role), default=0) > _MAX_GROWTH:
            soak.problems.append(f"a {role} has grown")
    return soak


def run_disturbed(
    command: list[object],
    env: dict[str, str],
    folder: Path,
    soak: Soak,
    args: argparse.Namespace,
) -> None:
    """Start a job, again and again, until one ends well."""
    chance, code = random.Random(args.seed), -1
    while code != 0 and not soak.problems:
        temporary = Path(tempfile.mkdtemp(dir=folder))
        job = RunningJob(*command, temporary=temporary, env=env)
        disturb(job, soak, chance, args)
        code = require_end(job, soak, codes=(0, -signal.SIGKILL), may_give_up=True)
        soak.jobs_given_up += code == 1


def put_photos(double: GcsDouble, count: int) -> None:
    """Put `count` photos into the bucket, some of them hostile."""
    distinct = [
        encoded(noise(20 + index * 7 % 90, 20 + index * 13 % 120, index))
        for index in range(_DISTINCT_IMAGES)
    ]
    hostile = [bad.data for bad in bad_inputs()]
    for index in range(count):
        is_hostile = index % round(1 / _HOSTILE_SHARE) == 50
        source = hostile if is_hostile else distinct
        double.put(f"photos/{index:07d}", source[index % len(source)])


def count_faults(proxy: FaultProxy, soak: Soak) -> None:
    """Note how many requests there were, and how many of them failed."""
    soak.requests = len(proxy.requests)
    soak.faults = sum(request.fault is not None for request in proxy.requests)
    if soak.faults == 0:
        soak.problems.append("no request failed")


def disturb(
    job: RunningJob, soak: Soak, chance: random.Random, args: argparse.Namespace
) -> None:
    """Kill a worker or the launcher every so often, until the job has ended."""

    def next_kill() -> float:
        return time.monotonic() + args.kill_every_seconds

    while watch(job, soak, args.warm_up_seconds, until=next_kill()):
        workers = job.workers()
        if workers and chance.random() < _WORKER_SHARE:
            with contextlib.suppress(psutil.NoSuchProcess):
                chance.choice(workers).kill()
                soak.worker_kills += 1
        else:
            job.kill_launcher()
            soak.launcher_kills += 1


def watch(job: RunningJob, soak: Soak, warm_up_seconds: float, *, until: float) -> bool:
    """Sample the memory of a job; whether it still runs at the time given."""
    while job.is_running():
        if time.monotonic() >= until:
            return True
        for process in job.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                command = process.cmdline()
                is_warm = time.time() - process.create_time() > warm_up_seconds
                for role, module in _ROLES.items():
                    if is_warm and module in command:
                        mib = process.memory_info().rss / 2**20
                        soak.memory_mib[role, process.pid].append(mib)
        time.sleep(_SAMPLE_SECONDS)
    return False


def require_end(
    job: RunningJob, soak: Soak, *, codes: tuple[int, ...], may_give_up: bool = False
) -> int:
    """Note how a job ended and what it left; return its exit code.

    A job gives up when it has lost workers four times, and for no other reason.
    """
    ended = job.end()
    has_given_up = ended.code == 1 and _GIVES_UP in ended.last_line
    if ended.code not in codes and not (may_give_up and has_given_up):
        soak.problems.append(f"exit code {ended.code}: {ended.last_line}")
    if "Traceback" in ended.err:
        soak.problems.append(f"a traceback was printed: {ended.last_line}")
    try:
        job.require_nothing_left()
    except AssertionError as error:
        soak.problems.append(str(error).splitlines()[0])
    return ended.code


def print_table(soak: Soak, args: argparse.Namespace) -> None:
    """Print what happened to stdout."""
    table = Table(title="soak", show_header=False, title_justify="left")
    table.add_row("images", f"{args.images:,}")
    table.add_row("requests that failed", f"{soak.faults:,} of {soak.requests:,}")
    calm, disturbed = (f"{seconds / 60:.1f}" for seconds in soak.seconds)
    table.add_row("minutes, calm and disturbed", f"{calm} and {disturbed}")
    table.add_row("workers killed", str(soak.worker_kills))
    table.add_row("launchers killed", str(soak.launcher_kills))
    table.add_row("jobs that gave up", str(soak.jobs_given_up))
    for role in _ROLES:
        samples = [m for (r, _), m in soak.memory_mib.items() if r == role]
        peak = max((max(m) for m in samples), default=0)
        growth = max(soak.growths(role), default=None)
        told = (
            "unknown, it ended too early"
            if growth is None
            else f"{growth:+.1%} at most"
        )
        table.add_row(f"memory of a {role}", f"{peak:.0f} MiB, growth {told}")
    for problem in soak.problems:
        table.add_row("PROBLEM", problem)
    table.add_row("verdict", "failed" if soak.problems else "equal, nothing left")
    Console(width=110).print(table)


if __name__ == "__main__":
    sys.exit(main())
