"""The log of a ledger holds every published state, and nothing else counts."""

import json
import threading

import pytest
from helpers.gcs_double import BUCKET, running_double
from helpers.local_server import environment

from pipelines.ledger.errors import LedgerFolderError
from pipelines.ledger.log import (
    newest_version,
    put_checkpoint_if_due,
    put_commit,
    read_commit,
    read_table_state,
)
from pipelines.storage.buckets.google_cloud import GoogleCloudStorage
from pipelines.storage.stores import use_store
from schemas.delta.actions import AddFile, Metadata, Protocol
from schemas.delta.checkpoints import checkpoint_name
from schemas.delta.commits import Commit, commit_name
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
        put_checkpoint_if_due(ledger, state)
    return state


@pytest.fixture(params=["local", "gs", "s3"])
def folder(request, tmp_path):
    """An empty folder on each kind of store."""
    if request.param == "local":
        yield str(tmp_path)
        return
    if request.param == "gs":
        with (
            running_double() as (_, env),
            environment(env),
            use_store("gs", GoogleCloudStorage()),
        ):
            yield f"gs://{BUCKET}/{tmp_path.name}"
        return
    store = request.getfixturevalue("s3")
    with environment(store.env):
        yield f"{store.uri}/{tmp_path.name}"


def test_every_store_keeps_a_log(folder):
    assert newest_version(folder) == -1
    state = write_log(folder, 12)
    assert newest_version(folder) == 11
    assert read_table_state(folder, 11) == state
    assert read_table_state(folder, 3).files.keys() == {
        f"{n}.parquet" for n in range(4)
    }
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
    assert read_table_state(str(tmp_path), 12) == state
    last = json.loads((tmp_path / "_delta_log/_last_checkpoint").read_text())
    assert last == {"version": 10, "size": 13}


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"nothing like it" * 9])
def test_a_damaged_checkpoint_is_passed_over(tmp_path, damage):
    state = write_log(str(tmp_path), 13)
    (tmp_path / checkpoint_name(10)).write_bytes(damage)
    assert read_table_state(str(tmp_path), 12) == state


@pytest.mark.parametrize("version", [0, 2, 4])
def test_a_missing_commit_is_told_in_one_line(tmp_path, version):
    write_log(str(tmp_path), 5)
    (tmp_path / commit_name(version)).unlink()
    with pytest.raises(LedgerFolderError, match=f"{version}.json") as told:
        read_table_state(str(tmp_path), 4)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("length", [0, 1, 40, -2])
def test_a_torn_commit_is_told_in_one_line(tmp_path, length):
    write_log(str(tmp_path), 3)
    path = tmp_path / commit_name(2)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(LedgerFolderError, match=r"cannot read .*2\.json") as told:
        read_table_state(str(tmp_path), 2)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("version", [0, 1, 8])
def test_a_slow_run_never_commits_a_version_that_was_removed(tmp_path, version):
    state = write_log(str(tmp_path), 12)
    for old in range(9):
        (tmp_path / commit_name(old)).unlink()
    assert not put_commit(str(tmp_path), version, commit(version, "slow"))
    assert not (tmp_path / commit_name(version)).exists()
    assert read_table_state(str(tmp_path), 11) == state


@pytest.mark.parametrize("version", [0, 1, 5])
def test_a_commit_that_others_follow_at_once_stays(tmp_path, version):
    folder = str(tmp_path)
    write_log(folder, version)
    followed = commit(version + 1, "next")
    (tmp_path / "_delta_log").mkdir(exist_ok=True)
    (tmp_path / commit_name(version + 1)).write_bytes(followed.to_json())
    assert put_commit(folder, version, commit(version))
    assert read_table_state(folder, version + 1).version == version + 1


def test_other_files_in_the_log_are_passed_over(tmp_path):
    state = write_log(str(tmp_path), 2)
    for name in ("00000000000000000009.crc", "tmp.json", ".00000000000000000007.json"):
        (tmp_path / "_delta_log" / name).write_text("{}")
    assert newest_version(str(tmp_path)) == 1
    assert read_table_state(str(tmp_path), 1) == state
