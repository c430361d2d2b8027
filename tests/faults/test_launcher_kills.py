"""The whole job dies before, amid or after any step that makes something durable."""

import dataclasses

import pyarrow.parquet as pq
import pytest
from faults.kill_point import KillPoint
from faults.seeds import points
from faults.snapshots import (
    concurrent_reader,
    require_published,
)
from helpers.run_musiq import commits_of, manifest_of, run_here

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("nothing_left_here")]

EVERY_POINT = [
    *(KillPoint(moment, "run.json") for moment in ("before", "amid", "after")),
    *(
        KillPoint(moment, step, nth)
        for step in ("journal", "shard")
        for nth in (1, 3)
        for moment in ("before", "amid", "after")
    ),
    *(KillPoint(moment, "commit") for moment in ("before", "amid", "after")),
    *(
        KillPoint(moment, "journal-deletion", nth)
        for nth in (1, 5)
        for moment in ("before", "after")
    ),
]
# Two workers share seven journal files and four shards, so one reaches these points.
WORKER_POINTS = [
    dataclasses.replace(point, nth=2)
    if (point.step, point.nth) == ("shard", 3)
    else point
    for point in EVERY_POINT
    if point.step != "run.json"
]
QUICK_POINTS = [
    KillPoint("amid", "journal", 3),
    KillPoint("after", "shard", 3),
    KillPoint("before", "commit"),
    KillPoint("after", "commit"),
    KillPoint("after", "journal-deletion", 1),
]


@pytest.mark.parametrize("point", points(EVERY_POINT, quick=QUICK_POINTS))
def test_a_killed_job_leaves_a_whole_ledger_and_goes_on(
    work, start_job, tmp_path, point
):
    ledger = tmp_path / "ledger"
    work.publish_old(ledger)
    arguments = work.arguments(work.few, ledger, workers=1)
    with concurrent_reader(ledger, work.old, work.few_rows):
        job = start_job(
            *arguments, module="faults.dying_launcher", env=point.to_environment()
        )
        assert job.end().code == -9, "the job never reached the point"
        is_published = len(commits_of(ledger)) == 2
        assert is_published == point.is_after_publication
        expected = work.few_rows if is_published else work.old
        require_published(ledger, expected)
        journalled = {
            uri
            for file in ledger.glob("journal/*/[!.]*")
            for uri in pq.read_table(file, columns=["uri"])["uri"].to_pylist()
        }
        outcome = run_here(*arguments)
    assert outcome.code == 0, outcome.err
    require_published(ledger, work.few_rows)
    kept = manifest_of(ledger)["counts"]["carried_over"]
    known = work.few_rows.keys() if is_published else work.old.keys() | journalled
    assert kept - len(work.old) >= 0.9 * (len(known) - len(work.old))
    assert not list(ledger.glob("journal/*/*.parquet"))


@pytest.mark.parametrize("point", points(WORKER_POINTS, quick=QUICK_POINTS[2:4]))
def test_a_job_goes_on_when_a_worker_dies_in_a_step(work, start_job, tmp_path, point):
    ledger, once = tmp_path / "ledger", tmp_path / "once"
    work.publish_old(ledger)
    once.touch()
    with concurrent_reader(ledger, work.old, work.few_rows):
        job = start_job(
            *work.arguments(work.few, ledger, workers=2),
            module="faults.dying_launcher",
            env=point.to_environment() | {"DYING_WORKERS": "1", "DIE_ONCE_FILE": once},
        )
        ended = job.end()
    assert not once.exists(), "no worker reached the point"
    assert ended.code == 0, ended.err
    assert "Traceback" not in ended.err
    # What is published already must not be written again.
    has_restarted = "the job goes on from its journal" in ended.err
    assert has_restarted == (not point.is_after_publication)
    require_published(ledger, work.few_rows)
    assert not list(ledger.glob("journal/*/*.parquet"))
