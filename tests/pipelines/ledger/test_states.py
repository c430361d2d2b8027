"""States are published one after another, by exactly one run each."""

import pytest
from helpers.written_ledger import write_ledger

from pipelines.ledger.errors import LedgerFolderError
from pipelines.ledger.log import read_commit, read_table_state
from pipelines.ledger.reader import open_ledger
from pipelines.ledger.states import is_published, newest_state, read_state
from schemas.delta.checkpoints import checkpoint_name
from schemas.delta.commits import Commit, commit_name
from schemas.delta.manifests import manifest_of


def test_what_was_published_is_read_back(tmp_path):
    folder = str(tmp_path)
    assert newest_state(folder) is None
    for version, scores in enumerate(([0.5], [0.5, None], [0.25] * 9)):
        write_ledger(folder, scores, version)
    for version in range(3):
        state = read_state(folder, version)
        assert (state.version, state.next_version) == (version, version + 1)
        assert state.manifest.run_id == f"run-{version}"
        table = read_table_state(folder, version)
        assert table.files.keys() == {file.path for file in state.manifest.files}
        assert not table.files.keys() & table.removed.keys()
    # One shard of the first state has no rows, and so no file.
    assert len(table.files | table.removed) == 5
    assert newest_state(folder) == read_state(folder, 2)


def test_a_version_is_published_by_its_first_run(tmp_path):
    folder = str(tmp_path)
    write_ledger(folder, [0.5])
    write_ledger(folder, [0.5, 0.25])  # a retry by the same run
    assert newest_state(folder).version == 0
    assert is_published(folder, 0, "run-0")
    assert not is_published(folder, 0, "run-1")
    assert not is_published(folder, 1, "run-0")
    with pytest.raises(LedgerFolderError, match=r"another run published .*0\.json"):
        write_ledger(folder, [0.5], run_id="other")
    assert open_ledger(folder).run_id == "run-0"


@pytest.mark.parametrize("version", [0, 1, 10])
def test_a_slow_run_never_publishes_a_version_that_was_removed(tmp_path, version):
    folder = str(tmp_path)
    for later in range(12):
        write_ledger(folder, [0.5], later)
    for removed in range(11):
        (tmp_path / commit_name(removed)).unlink(missing_ok=True)
    with pytest.raises(LedgerFolderError) as told:
        write_ledger(folder, [0.5], version, run_id="slow")
    assert "\n" not in str(told.value)
    assert not (tmp_path / commit_name(version)).exists()
    assert open_ledger(folder).run_id == "run-11"


def test_every_tenth_commit_is_followed_by_a_checkpoint(tmp_path):
    for version in range(11):
        write_ledger(str(tmp_path), [0.5], version)
    assert (tmp_path / checkpoint_name(10)).exists()
    assert not (tmp_path / checkpoint_name(9)).exists()


def test_a_commit_of_another_program_is_told(tmp_path):
    write_ledger(str(tmp_path), [0.5])
    added = read_commit(str(tmp_path), 0).actions[-1:]
    other = Commit(info={"operation": "OPTIMIZE", "timestamp": 1}, actions=added)
    (tmp_path / commit_name(1)).write_bytes(other.to_json())
    with pytest.raises(LedgerFolderError, match=r"1\.json: another .*OPTIMIZE"):
        newest_state(str(tmp_path))
    assert read_state(str(tmp_path), 0).version == 0


def test_a_commit_that_only_tells_of_something_changes_no_state(tmp_path):
    write_ledger(str(tmp_path), [0.5])
    other = Commit(info={"operation": "VACUUM END", "timestamp": 1}, actions=())
    (tmp_path / commit_name(1)).write_bytes(other.to_json())
    newest = newest_state(str(tmp_path))
    assert (newest.version, newest.manifest.run_id) == (1, "run-0")
    write_ledger(str(tmp_path), [0.5], newest.next_version)
    assert open_ledger(str(tmp_path)).run_id == "run-2"


def test_facts_of_a_newer_program_are_refused(tmp_path):
    write_ledger(str(tmp_path), [0.5])
    path = tmp_path / commit_name(0)
    made = read_commit(str(tmp_path), 0)
    newer = Commit(
        info={"musiq": made.info["musiq"] | {"version": 9}}, actions=made.actions
    )
    path.write_bytes(newer.to_json())
    with pytest.raises(LedgerFolderError, match="install a newer musiq"):
        newest_state(str(tmp_path))
    assert manifest_of(made, read_table_state(str(tmp_path), 0)).run_id == "run-0"
