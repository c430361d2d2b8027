"""The ledger's disk is full: nothing is published, and the old state stays."""

import contextlib
import os
import random
import shutil
import subprocess

import pytest
from faults.seeds import seeds
from faults.snapshots import concurrent_reader, require_published
from helpers.run_musiq import run_here

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("nothing_left_here")]

_DISK_BYTES = 4 * 2**20
_BLOCK_BYTES = 4096


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 4 MiB, in memory."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(disk)]
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run(["mount", *options], capture_output=True).returncode == 0:
            yield disk
            subprocess.run(["umount", str(disk)], check=True)
            return
    pytest.skip("only root can make a small disk")


def free_bytes(disk) -> int:
    status = os.statvfs(disk)
    return status.f_bavail * status.f_frsize


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("seed", seeds(full=6, quick=1))
def test_a_full_disk_fails_the_run_in_one_line(
    work, start_job, tmp_path, small_disk, seed, workers
):
    """What a run needs is measured first; then it gets a random part of that."""
    chance = random.Random(f"{seed} {workers}")
    ledger, ballast = small_disk / "ledger", small_disk / "ballast"
    work.publish_old(ledger)
    arguments = work.arguments(work.photos, ledger, workers=workers)
    before = free_bytes(small_disk)
    needed = _needed_bytes(work, small_disk, before)
    ballast.write_bytes(bytes(before - int(chance.uniform(0, 0.9) * needed)))
    with concurrent_reader(ledger, work.old):
        ended = start_job(*arguments).end()
    assert ended.code in (1, 2)
    assert "No space left on device" in ended.last_line
    assert "Traceback" not in ended.err
    require_published(ledger, work.old)

    ballast.unlink()
    outcome = run_here(*arguments)
    assert outcome.code == 0, outcome.err
    require_published(ledger, work.all_rows)


def _needed_bytes(work, disk, before: int) -> int:
    """Return what the run's files take, the journal left out."""
    ledger = disk / "measured"
    shutil.copytree(work.published.parent / "all", ledger)
    needed = before - free_bytes(disk)
    shutil.rmtree(ledger)
    assert needed > 4 * _BLOCK_BYTES
    return needed
