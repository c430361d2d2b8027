"""A job in slices whose workers or whose launcher die in one of them."""

import contextlib
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from faults.dying_launcher import DYING_WORKERS
from faults.dying_worker import ONCE_FILE
from faults.kill_point import KillPoint
from faults.running_job import RunningJob
from faults.seeds import points
from faults.snapshots import concurrent_reader, require_published
from helpers.run_musiq import commits_of, manifest_of, run_here
from helpers.small_slices import VARIABLE

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("nothing_left_here")]

_IMAGES_AT_ONCE = 350  # of 606: two slices


@pytest.fixture
def start(work, start_job, tmp_path):
    """A function that starts a job in two slices, with small files."""
    # No worker comes to its point: they are killed from outside.
    never = KillPoint("before", "run.json").to_environment()
    env = never | {DYING_WORKERS: "1", ONCE_FILE: str(tmp_path / "never")}
    return lambda ledger: start_job(
        *work.arguments(work.photos, ledger, workers=2),
        module="faults.dying_launcher",
        env=env | {VARIABLE: str(_IMAGES_AT_ONCE)},
    )


def journal_of(ledger: Path, number: int) -> set[Path]:
    return set(ledger.glob(f"journal/*/*Z-*-{number}-*.parquet"))


def kill_in_slice(job: RunningJob, ledger: Path, number: int) -> None:
    """Kill a worker that has finished some of a slice, and wait for its successors."""
    known = journal_of(ledger, number)
    assert job.wait_until(lambda: journal_of(ledger, number) - known)
    workers = job.workers()
    with contextlib.suppress(psutil.NoSuchProcess):
        workers[0].kill()
    assert job.wait_until(lambda: set(job.workers()) - set(workers))


@pytest.mark.parametrize("kills", points([(0, 1), (2, 2)], quick=[(0, 1)]))
def test_a_worker_that_dies_costs_its_slice_alone(work, start, tmp_path, kills):
    ledger = tmp_path / "ledger"
    with concurrent_reader(ledger, None, work.all_rows):
        job = start(ledger)
        for number, times in enumerate(kills, start=1):
            for _ in range(times):
                kill_in_slice(job, ledger, number)
        ended = job.end()
    assert ended.code == 0, ended.err
    told = [line for line in ended.err.splitlines() if "goes on from" in line]
    assert told == [
        "musiq score: a worker process died; the job goes on from the journal of slice "
        f"{number} of 2 (restart {restart} of 3)"
        for number, times in enumerate(kills, start=1)
        for restart in range(1, times + 1)
    ]
    require_published(ledger, work.all_rows)
    assert not list(ledger.glob("journal/*/*.parquet"))


def test_a_job_that_is_killed_in_a_slice_goes_on_in_its_next_run(work, start, tmp_path):
    ledger = tmp_path / "ledger"
    job = start(ledger)
    assert job.wait_until(lambda: journal_of(ledger, 2))
    job.kill()
    assert job.end().code == -9
    assert not commits_of(ledger)
    journalled = sum(
        pq.read_metadata(file).num_rows for file in ledger.glob("journal/*/[!.]*")
    )
    outcome = run_here(*work.arguments(work.photos, ledger, workers=1))
    assert outcome.code == 0, outcome.err
    assert manifest_of(ledger)["counts"]["carried_over"] >= 0.9 * journalled
    require_published(ledger, work.all_rows)
