"""`musiq clean` while runs are under way, and while others read."""

import os
from pathlib import Path

import pytest
from faults.dying_launcher import HALTING
from faults.kill_point import KillPoint
from faults.seeds import points
from faults.snapshots import concurrent_reader, require_published
from helpers.run_musiq import commits_of, run_here

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("nothing_left_here")]

_YEAR_NS = 365 * 86_400 * 10**9
HELD = [
    KillPoint("before", "journal", 1),
    KillPoint("before", "shard", 1),
    KillPoint("after", "shard", 3),
    KillPoint("before", "commit"),
]


def grow_old(ledger: Path, *, but: Path | None = None) -> None:
    """Make files a year older; what came first still did."""
    for path in ledger.rglob("*"):
        if path != but:
            time_ns = path.stat().st_mtime_ns - _YEAR_NS
            os.utime(path, ns=(time_ns, time_ns))


def clean(ledger: Path) -> str:
    outcome = run_here("clean", "--ledger", ledger, "--keep", 1)
    assert outcome.code == 0, outcome.err
    return outcome.out


@pytest.fixture
def halted(work, start_job, tmp_path):
    """Starts a job on an old ledger; it stands still at a point, for a year."""
    ledger = tmp_path / "ledger"
    work.publish_old(ledger)

    def start(point: KillPoint):
        job = start_job(
            *work.arguments(work.few, ledger, workers=1),
            module="faults.dying_launcher",
            env=point.to_environment() | {HALTING: "1"},
        )
        assert job.wait_until_halted(), "the job never reached the point"
        grow_old(ledger)
        return job, ledger

    return start


@pytest.mark.parametrize("point", points(HELD, quick=HELD[2:3]))
def test_a_slow_run_loses_nothing_that_it_will_need(work, halted, point):
    job, ledger = halted(point)
    assert "\nspared what may belong to runs that are going on: " in clean(ledger)
    require_published(ledger, work.old)
    job.go_on()
    ended = job.end()
    assert ended.code == 0, ended.err
    require_published(ledger, work.few_rows)


def test_a_run_whose_version_is_taken_and_cleaned_publishes_nothing(work, halted):
    job, ledger = halted(KillPoint("before", "commit"))
    for _ in range(2):
        arguments = work.arguments(work.few, ledger, workers=1)
        assert run_here(*arguments).code == 0
    grow_old(ledger)
    assert "spared" not in clean(ledger)
    [commit] = commits_of(ledger)
    job.go_on()
    ended = job.end()
    assert ended.code == 1
    assert "Traceback" not in ended.err
    assert commits_of(ledger) == [commit]
    require_published(ledger, work.few_rows)


def test_readers_never_lose_the_state_that_they_read(work, tmp_path):
    ledger = tmp_path / "ledger"
    work.publish_old(ledger)
    with concurrent_reader(ledger, work.old, work.few_rows):
        for _ in range(3):
            outcome = run_here(*work.arguments(work.few, ledger, workers=1))
            assert outcome.code == 0, outcome.err
            grow_old(ledger, but=commits_of(ledger)[-1])
            clean(ledger)
    assert len(commits_of(ledger)) == 2
    require_published(ledger, work.few_rows)
