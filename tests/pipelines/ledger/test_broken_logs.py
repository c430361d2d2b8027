"""Whatever is wrong with a log is told in one line, and never read as another state."""

import dataclasses
import json
from pathlib import Path

import pytest
from helpers.run_musiq import run_here
from helpers.written_ledger import write_ledger

from pipelines.ledger.errors import LedgerFolderError
from pipelines.ledger.log import put_commit, read_table_state
from pipelines.ledger.reader import open_ledger
from schemas.delta.actions import AddFile, Protocol
from schemas.delta.checkpoints import checkpoint_name
from schemas.delta.commits import Commit, commit_name


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> dict[str, bytes]:
    """The files of a ledger of three states."""
    folder = tmp_path_factory.mktemp("kept")
    for version in range(3):
        write_ledger(str(folder), [0.5, None, 0.25], version)
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def ledger(kept, tmp_path) -> Path:
    for name, data in kept.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path


def told(ledger: Path) -> str:
    """The one line by which the ledger is refused."""
    with pytest.raises(LedgerFolderError) as refused:
        open_ledger(str(ledger))
    line = str(refused.value)
    assert "\n" not in line
    assert line.count(str(ledger)) <= 2
    return line


def rewrite(path: Path, change) -> None:
    """Change the actions of a commit in place."""
    commit = Commit.from_json(path.read_bytes())
    path.write_bytes(change(commit).to_json())


@pytest.mark.parametrize("version", [0, 1])
def test_a_missing_version_is_named_with_a_cure(ledger, version):
    (ledger / commit_name(version)).unlink()
    line = told(ledger)
    assert f"{commit_name(version)}: No such file" in line
    assert line.endswith(f"; the state before it is {ledger}@0") is (version == 1)


def test_a_torn_commit_is_refused_wherever_it_was_cut(ledger):
    path = ledger / commit_name(2)
    data = path.read_bytes()
    for length in range(0, len(data) - 1, 7):
        path.write_bytes(data[:length])
        assert told(ledger).endswith(f"; the state before it is {ledger}@1")
    lines = data.splitlines(keepends=True)
    for count in range(1, len(lines)):
        path.write_bytes(b"".join(lines[:count]))
        assert f"it has {count - 1} of {len(lines) - 1} actions" in told(ledger)
    path.write_bytes(data[:-1])
    assert open_ledger(str(ledger)).version == 2


def test_what_follows_a_torn_commit_is_refused_too(ledger):
    path = ledger / commit_name(1)
    path.write_bytes(path.read_bytes()[:-20])
    assert commit_name(1) in told(ledger)
    assert open_ledger(f"{ledger}@0").version == 0


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"nothing like it" * 9])
def test_a_checkpoint_that_is_needed_and_damaged_is_named(tmp_path, damage):
    for version in range(12):
        write_ledger(str(tmp_path), [0.5], version)
    (tmp_path / checkpoint_name(10)).write_bytes(damage)
    assert open_ledger(str(tmp_path)).version == 11
    for version in range(10):
        (tmp_path / commit_name(version)).unlink()
    line = told(tmp_path)
    assert f"{checkpoint_name(10)}: it cannot be read as Parquet" in line
    assert "commits before it are gone: restore it from a copy" in line


@pytest.mark.parametrize(
    "missing", [{"stats": None}, {"stats": "{}"}, {"stats": "{"}, {"tags": None}]
)
def test_a_file_of_which_nothing_is_told_is_named(ledger, missing):
    def change(commit: Commit) -> Commit:
        actions = [
            dataclasses.replace(one, **missing) if isinstance(one, AddFile) else one
            for one in commit.actions
        ]
        return dataclasses.replace(commit, actions=tuple(actions))

    rewrite(ledger / commit_name(2), change)
    assert "runs/run-2/0.parquet was added by another program" in told(ledger)


def test_a_commit_of_another_program_is_named_with_the_state_before(ledger):
    added = AddFile(path="part-0.parquet", size=1, modificationTime=1)
    info = {"operation": "WRITE", "engineInfo": "delta-rs:1.6.6"}
    assert put_commit(str(ledger), 3, Commit(info=info, actions=(added,)))
    line = told(ledger)
    assert "another program made this commit (delta-rs:1.6.6)" in line
    assert line.endswith(f"the state before it is {ledger}@2")
    assert open_ledger(f"{ledger}@2").row_count == 3


def test_a_table_that_asks_for_more_than_this_program_knows_is_refused(ledger):
    def change(commit: Commit) -> Commit:
        newer = Protocol(
            minReaderVersion=3,
            minWriterVersion=7,
            readerFeatures=("deletionVectors",),
            writerFeatures=("deletionVectors",),
        )
        return dataclasses.replace(commit, actions=(newer, *commit.actions))

    rewrite(ledger / commit_name(2), change)
    assert "reader version 3 of the Delta protocol with deletionVectors" in told(ledger)


@pytest.mark.parametrize("command", ["verify", "clean"])
def test_commands_refuse_a_torn_log_in_one_line(ledger, command):
    path = ledger / commit_name(2)
    path.write_bytes(path.read_bytes()[:-20])
    outcome = run_here(command, "--ledger", ledger)
    assert outcome.code != 0
    assert commit_name(2) in outcome.error
    assert json.loads((ledger / commit_name(1)).read_text().splitlines()[0])


def test_the_states_before_a_damage_stay_readable(ledger):
    (ledger / commit_name(2)).write_bytes(b"{")
    assert read_table_state(str(ledger), 1).version == 1
