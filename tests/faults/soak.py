"""A long job under kills: `make soak`, or `make soak IMAGES=500 KILL_EVERY_SECONDS=15`.

Scores many small images, one in a hundred hostile, while a worker or the launcher is
killed every so often; after a launcher the job is started again. The end must be equal
to a run without kills, memory must not grow, and nothing may be left behind.
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
from helpers.make_images import encoded, noise
from helpers.shared_data import bad_inputs
from helpers.tiny_models import tiny_model_file
from rich.console import Console
from rich.table import Table

_DISTINCT_IMAGES = 60
_HOSTILE_SHARE = 0.01
_SAMPLE_SECONDS = 0.5
_MIN_SAMPLES = 10
_ROLES = {
    "launcher": "pipelines.cli",
    "worker": "pipelines.embedded_worker",
    "decoder": "pipelines.decoding.child",
}
_MAX_GROWTH = 0.10
_WORKER_SHARE = 0.7


@dataclasses.dataclass(kw_only=True)
class Soak:
    """What happened.

    Attributes:
      launcher_kills: Launchers killed and started again.
      worker_kills: Workers killed; their jobs go on by themselves.
      jobs_given_up: Jobs of which too many workers were killed, started again too.
      memory_mib: Samples by role and process, after warm-up.
      problems: What must not have happened.
    """

    launcher_kills: int = 0
    worker_kills: int = 0
    jobs_given_up: int = 0
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
    """Run without kills, then with, and compare."""
    photos, model = folder / "photos", folder / "tiny.safetensors"
    write_photos(photos, args.images)
    model.write_bytes(tiny_model_file())
    command = ["score", "--input", photos, "--model", model, "--workers", args.workers]
    undisturbed = RunningJob(
        *command, "--output", folder / "undisturbed", temporary=folder / "undisturbed-t"
    )
    soak = Soak()
    watch(undisturbed, soak, args.warm_up_seconds, until=math.inf)
    require_end(undisturbed, soak, codes=(0,))
    expected = read_snapshot(folder / "undisturbed")
    assert expected is not None, soak.problems
    chance, ledger, code = random.Random(args.seed), folder / "ledger", -1
    while code != 0 and not soak.problems:
        job = RunningJob(
            *command, "--output", ledger, temporary=Path(tempfile.mkdtemp(dir=folder))
        )
        disturb(job, soak, chance, args)
        # A job gives up when it has lost workers four times.
        code = require_end(job, soak, codes=(0, 1, -signal.SIGKILL))
        soak.jobs_given_up += code == 1
    soak.problems += differences(read_snapshot(ledger), expected)
    for role in _ROLES:
        if max(soak.growths(role), default=0) > _MAX_GROWTH:
            soak.problems.append(f"a {role} has grown")
    return soak


def write_photos(photos: Path, count: int) -> None:
    """Write `count` files, all but a few of them hard links."""
    photos.mkdir()
    distinct = [
        encoded(noise(20 + index * 7 % 90, 20 + index * 13 % 120, index))
        for index in range(_DISTINCT_IMAGES)
    ]
    hostile = [bad.data for bad in bad_inputs()]
    first: dict[bytes, Path] = {}
    for index in range(count):
        is_hostile = index % round(1 / _HOSTILE_SHARE) == 50
        source = hostile if is_hostile else distinct
        data = source[index % len(source)]
        path = photos / f"{index:07d}"
        if data in first:
            os.link(first[data], path)
        else:
            path.write_bytes(data)
            first[data] = path


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


def require_end(job: RunningJob, soak: Soak, *, codes: tuple[int, ...]) -> int:
    """Note how a job ended and what it left; return its exit code."""
    ended = job.end()
    if ended.code not in codes:
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
