"""The log of a ledger holds every published state, and nothing else counts."""

import datetime
import json
import threading

import pytest
from helpers.delta_ledger import commit_newest
from helpers.gcs_double import BUCKET, running_double
from helpers.local_server import environment
from helpers.written_ledger import write_ledger

from pipelines.ledger.folder import LedgerFolderError, read_manifest
from pipelines.ledger.log import (
    newest_version,
    put_commit,
    read_commit,
    read_state,
    write_checkpoint,
)
from schemas.delta.actions import AddFile, DeltaLogError, Metadata, Protocol
from schemas.delta.checkpoints import checkpoint_name
from schemas.delta.commits import Commit, commit_name
from schemas.delta.manifests import manifest_of
from schemas.delta.state import TableState, after

FIRST = (
    Protocol(minReaderVersion=1, minWriterVersion=2),
    Metadata(id="1", schemaString="{}"),
)


def commit(version: int, writer: str = "one") -> Commit:
    """Commit `version` of a log whose every commit adds one file."""
    added = AddFile(path=f"{version}.parquet", size=1, modificationTime=version)
    table = FIRST if version == 0 else ()
    return Commit(info={"writer": writer}, actions=(*table, added))


def write_log(ledger: str, commits: int) -> TableState:
    state = TableState()
    for version in range(commits):
        assert put_commit(ledger, version, commit(version))
        state = after(state, commit(version))
        write_checkpoint(ledger, state)
    return state


@pytest.fixture(params=["local", "gs", "s3"])
def folder(request, tmp_path):
    """An empty folder on each kind of store."""
    if request.param == "local":
        yield str(tmp_path)
        return
    if request.param == "gs":
        with running_double() as (_, env), environment(env):
            yield f"gs://{BUCKET}/{tmp_path.name}"
        return
    store = request.getfixturevalue("s3")
    with environment(store.env):
        yield f"{store.uri}/{tmp_path.name}"


def test_every_store_keeps_a_log(folder):
    assert newest_version(folder) == -1
    state = write_log(folder, 12)
    assert newest_version(folder) == 11
    assert read_state(folder, 11) == state
    assert read_state(folder, 3).files.keys() == {f"{n}.parquet" for n in range(4)}
    assert not put_commit(folder, 11, commit(11, "two"))
    assert read_commit(folder, 11).info == {"writer": "one"}


def test_of_many_writers_of_one_version_exactly_one_commits(folder):
    write_log(folder, 1)
    won = []

    def write(writer: int) -> None:
        if put_commit(folder, 1, commit(1, str(writer))):
            won.append(str(writer))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [read_commit(folder, 1).info["writer"]] == won


def test_a_checkpoint_stands_in_for_the_commits_before_it(tmp_path):
    state = write_log(str(tmp_path), 13)
    for version in range(9):
        (tmp_path / commit_name(version)).unlink()
    assert read_state(str(tmp_path), 12) == state
    last = json.loads((tmp_path / "_delta_log/_last_checkpoint").read_text())
    assert last == {"version": 10, "size": 13}


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"nothing like it" * 9])
def test_a_damaged_checkpoint_is_passed_over(tmp_path, damage):
    state = write_log(str(tmp_path), 13)
    (tmp_path / checkpoint_name(10)).write_bytes(damage)
    assert read_state(str(tmp_path), 12) == state


@pytest.mark.parametrize("version", [0, 2, 4])
def test_a_missing_commit_is_told_in_one_line(tmp_path, version):
    write_log(str(tmp_path), 5)
    (tmp_path / commit_name(version)).unlink()
    with pytest.raises(LedgerFolderError, match=f"{version}.json") as told:
        read_state(str(tmp_path), 4)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("length", [0, 1, 40, -2])
def test_a_torn_commit_is_told_in_one_line(tmp_path, length):
    write_log(str(tmp_path), 3)
    path = tmp_path / commit_name(2)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(LedgerFolderError, match=r"cannot read .*2\.json") as told:
        read_state(str(tmp_path), 2)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("version", [0, 1, 8])
def test_a_slow_run_never_commits_a_version_that_was_removed(tmp_path, version):
    state = write_log(str(tmp_path), 12)
    for old in range(9):
        (tmp_path / commit_name(old)).unlink()
    assert not put_commit(str(tmp_path), version, commit(version, "slow"))
    assert not (tmp_path / commit_name(version)).exists()
    assert read_state(str(tmp_path), 11) == state


@pytest.mark.parametrize("version", [0, 1, 5])
def test_a_commit_that_others_follow_at_once_stays(tmp_path, version):
    folder = str(tmp_path)
    write_log(folder, version)
    followed = commit(version + 1, "next")
    (tmp_path / "_delta_log").mkdir(exist_ok=True)
    (tmp_path / commit_name(version + 1)).write_bytes(followed.to_json())
    assert put_commit(folder, version, commit(version))
    assert read_state(folder, version + 1).version == version + 1


def test_other_files_in_the_log_are_passed_over(tmp_path):
    state = write_log(str(tmp_path), 2)
    for name in ("00000000000000000009.crc", "tmp.json", ".00000000000000000007.json"):
        (tmp_path / "_delta_log" / name).write_text("{}")
    assert newest_version(str(tmp_path)) == 1
    assert read_state(str(tmp_path), 1) == state


def test_a_manifest_comes_back_from_the_log(tmp_path):
    folder = str(tmp_path)
    for number, scores in enumerate(([0.5], [0.5, None], [0.25] * 9), start=1):
        write_ledger(folder, scores, number)
        commit_newest(tmp_path)
    for version in range(3):
        state = read_state(folder, version)
        found = manifest_of(read_commit(folder, version), state)
        assert found == read_manifest(folder, version + 1)
        assert state.files.keys() == {file.path for file in found.files}
        assert not state.files.keys() & state.removed.keys()
    everything = read_state(folder, 2)
    # One shard of the first state has no rows, and so no file.
    assert len(everything.files | everything.removed) == 5


def test_a_commit_of_another_program_is_told(tmp_path):
    state = write_log(str(tmp_path), 1)
    other = Commit(info={"operation": "OPTIMIZE", "timestamp": 1}, actions=())
    with pytest.raises(DeltaLogError, match=r"another program .*OPTIMIZE"):
        manifest_of(other, state)


def test_facts_of_a_newer_program_are_refused(tmp_path):
    write_ledger(str(tmp_path), [0.5])
    commit_newest(tmp_path)
    made = read_commit(str(tmp_path), 0)
    newer = Commit(info={"musiq": made.info["musiq"] | {"version": 2}}, actions=())
    with pytest.raises(DeltaLogError, match="install a newer musiq"):
        manifest_of(newer, read_state(str(tmp_path), 0))


def test_removed_files_tell_when_they_were(tmp_path):
    for number in (1, 2):
        write_ledger(str(tmp_path), [0.5], number)
        commit_newest(tmp_path)
    [removed] = {
        one.deletionTimestamp for one in read_state(str(tmp_path), 1).removed.values()
    }
    expected = datetime.datetime(2026, 3, 4, tzinfo=datetime.UTC)
    assert removed == int(expected.timestamp() * 1000)
