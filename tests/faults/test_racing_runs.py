"""Two runs want to publish into one ledger: each number goes to exactly one."""

import json

import pytest
from faults.seeds import IS_QUICK, seeds
from faults.snapshots import concurrent_reader, require_published
from helpers.run_musiq import commits_of, facts_of, manifest_of

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("nothing_left_here")]

_ROUNDS = 5 if IS_QUICK else 100


def test_of_two_publications_exactly_one_succeeds(tmp_path, start_job):
    names = ("first", "second")
    racers = [
        start_job(tmp_path, name, _ROUNDS, module="faults.racing_publisher")
        for name in names
    ]
    for racer in racers:
        ended = racer.end()
        assert ended.code == 0, ended.err
    told = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in names}
    for number in range(_ROUNDS):
        ledger = tmp_path / f"ledger-{number}"
        said = {name: told[name][number] for name in names}
        [winner] = [name for name in names if said[name] == "won"]
        [loser] = said.keys() - {winner}
        assert "another run published" in said[loser]
        assert "Run again" in said[loser]
        assert manifest_of(ledger)["run_id"] == winner
        assert len(commits_of(ledger)) == 1


@pytest.mark.parametrize("seed", seeds(full=5, quick=1))
def test_two_jobs_on_one_ledger_publish_one_after_the_other_or_fail(
    work, start_job, tmp_path, seed
):
    ledger = tmp_path / "ledger"
    work.publish_old(ledger)
    with concurrent_reader(ledger, work.old, work.few_rows):
        arguments = work.arguments(work.few, ledger, workers=1)
        jobs = [start_job(*arguments) for _ in range(2)]
        ended = [job.end() for job in jobs]
    commits = commits_of(ledger)
    assert len(commits) - 1 == [end.code for end in ended].count(0) >= 1
    runs = [facts_of(commit.read_bytes())["run_id"] for commit in commits]
    assert len(set(runs)) == len(runs)
    for end in ended:
        assert "Traceback" not in end.err
        if end.code:
            assert end.code == 1
            assert "run again" in end.last_line.lower()
    require_published(ledger, work.few_rows)
