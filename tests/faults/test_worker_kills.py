"""Workers die at random moments of a job, which then goes on by itself."""

import contextlib
import random
import time

import psutil
import pytest
from faults.seeds import seeds
from faults.snapshots import concurrent_reader, require_published

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("nothing_left_here")]

_MAX_KILLS = 3
_LATEST_SECONDS = 8.0


@pytest.mark.parametrize("seed", seeds(full=50, quick=4))
def test_a_job_whose_workers_are_killed_ends_as_if_nothing_had_happened(
    work, start_job, tmp_path, seed
):
    chance = random.Random(seed)
    ledger = tmp_path / "ledger"
    job = start_job(
        *work.arguments(work.photos, ledger, workers=chance.choice([2, 2, 4]))
    )
    kills = 0
    with concurrent_reader(ledger, None, work.all_rows):
        for _ in range(chance.randint(1, _MAX_KILLS)):
            # The moment counts from when workers are there, also after a restart.
            if not job.wait_until(job.workers):
                break
            time.sleep(chance.uniform(0, _LATEST_SECONDS))
            if workers := job.workers():
                with contextlib.suppress(psutil.NoSuchProcess):
                    chance.choice(workers).kill()
                    kills += 1
        ended = job.end()
    assert ended.code == 0, ended.err
    assert "Traceback" not in ended.err
    assert ended.err.count("a worker process died; the job goes on") <= kills
    require_published(ledger, work.all_rows)


def test_a_job_whose_workers_keep_dying_says_so_and_keeps_the_old_ledger(
    work, start_job, tmp_path
):
    ledger = tmp_path / "ledger"
    work.publish_old(ledger)
    job = start_job(*work.arguments(work.few, ledger, workers=2))
    while job.wait_until(job.workers):
        for worker in job.workers():
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()
    ended = job.end()
    assert ended.code == 1
    assert "worker processes keep dying" in ended.last_line
    assert "Traceback" not in ended.err
    require_published(ledger, work.old)


def test_workers_end_when_their_launcher_is_killed(work, start_job, tmp_path):
    ledger = tmp_path / "ledger"
    job = start_job(*work.arguments(work.photos, ledger, workers=2))
    assert job.wait_until(lambda: list(ledger.glob("journal/*/*.parquet")))
    job.kill_launcher()  # the fixture sees to it that nothing is left
    assert job.end().code == -9
