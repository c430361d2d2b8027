"""Commits of a Delta log add up to one state, however it is read."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.delta.actions import (
    AddFile,
    DeltaLogError,
    Metadata,
    Protocol,
    RemoveFile,
    Transaction,
    decoded_path,
    encoded_path,
)
from schemas.delta.checkpoints import (
    checkpoint_name,
    checkpoint_version,
    from_checkpoint,
    is_due,
    to_checkpoint,
    to_last_checkpoint,
)
from schemas.delta.commits import Commit, commit_name, commit_version
from schemas.delta.state import TableState, after, without_expired

PROTOCOL = Protocol(minReaderVersion=1, minWriterVersion=2)
METADATA = Metadata(
    id="4d2a6a5e-5e0c-4b1e-9f6e-000000000001",
    schemaString='{"type": "struct", "fields": []}',
    createdTime=1,
    configuration={"delta.checkpointInterval": "10"},
)
TEXTS = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2)
TIMES = st.integers(0, 2**53)
PATHS = st.text(min_size=1, max_size=3).map(encoded_path)
ADDED = st.builds(
    AddFile,
    path=PATHS,
    size=TIMES,
    modificationTime=TIMES,
    dataChange=st.booleans(),
    stats=st.none() | st.text(max_size=5),
    tags=st.none() | TEXTS,
)
REMOVED = st.builds(
    RemoveFile,
    path=PATHS,
    deletionTimestamp=st.none() | TIMES,
    dataChange=st.booleans(),
    extendedFileMetadata=st.none() | st.booleans(),
    size=st.none() | TIMES,
)
FURTHER = st.builds(Transaction, appId=st.text(max_size=3), version=TIMES)
CHANGED = st.builds(Metadata, id=st.uuids().map(str), schemaString=st.text(max_size=5))
ACTIONS = st.lists(ADDED | REMOVED | FURTHER | CHANGED, max_size=6).map(tuple)
LOGS = st.lists(ACTIONS, max_size=8).map(
    lambda later: [
        Commit(info={"run": n}, actions=actions)
        for n, actions in enumerate([(PROTOCOL, METADATA), *later])
    ]
)


def states_of(log) -> list[TableState]:
    """The state after each commit."""
    states = [TableState()]
    for commit in log:
        states.append(after(states[-1], commit))
    return states[1:]


def added(path: str) -> AddFile:
    return AddFile(path=path, size=1, modificationTime=2)


@given(LOGS)
def test_a_commit_is_read_as_it_was_written(log):
    for commit in log:
        assert Commit.from_json(commit.to_json()) == commit


@settings(max_examples=40)
@given(LOGS, st.data())
def test_a_checkpoint_and_the_commits_behind_it_are_the_whole_log(log, data):
    states = states_of(log)
    version = data.draw(st.integers(0, len(log) - 1))
    state = from_checkpoint(to_checkpoint(states[version]), version)
    assert state == states[version]
    for commit in log[version + 1 :]:
        state = after(state, commit)
    assert state == states[-1]


@given(LOGS)
def test_a_state_is_one_commit_from_nothing(log):
    state = states_of(log)[-1]
    commit = Commit(info={}, actions=tuple(state.actions()))
    whole = after(TableState(), Commit.from_json(commit.to_json()))
    assert whole.files == state.files
    assert whole.removed == state.removed
    assert whole.metadata == state.metadata


@given(LOGS)
def test_no_file_is_both_there_and_removed(log):
    for state in states_of(log):
        assert not state.files.keys() & state.removed.keys()


@given(st.text())
def test_a_path_comes_back(path):
    assert decoded_path(encoded_path(path)) == path


def test_files_removed_long_ago_are_not_in_a_checkpoint():
    state = TableState(
        version=3,
        protocol=PROTOCOL,
        metadata=METADATA,
        files={"a": added("a")},
        removed={
            name: RemoveFile(path=name, deletionTimestamp=time)
            for name, time in (("old", 5), ("new", 7))
        },
    )
    kept = from_checkpoint(to_checkpoint(state, removed_since=6), 3)
    assert kept.removed.keys() == {"new"}
    assert kept.files == state.files


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is empty"),
        (b"\n", "it is empty"),
        (b'{"commitInfo": {"a": 1}}\n{"add": {"pa', "line 2: no JSON"),
        (b'{"commitInfo": {"a": 1}}\n[1]\n', "line 2: no JSON object"),
        (b'{"add": 3}\n', "line 1: an action without fields"),
        (b'{"add": {"path": "a"}}\n', "line 1: add: "),
        (b'{"add": {"path": "a", "size": "1"}}\n', "size must be a whole number"),
        (
            b'{"add": {"path": "a", "deletionVector": {"storageType": "u"}}}\n',
            "deletes single rows",
        ),
        (b"\xff\xfe\n", "line 1: no JSON"),
    ],
)
def test_a_damaged_commit_is_told_in_one_line(data, message):
    with pytest.raises(DeltaLogError, match=message) as told:
        Commit.from_json(data)
    assert "\n" not in str(told.value)


def test_a_cut_commit_is_never_read_as_a_whole_one():
    commit = Commit(info={}, actions=(PROTOCOL, METADATA, added("a"), added("b")))
    data = commit.to_json()
    for length in range(len(data) - 1):
        with pytest.raises(DeltaLogError):
            Commit.from_json(data[:length])
    first_line = data[: data.index(b"\n") + 1]
    with pytest.raises(DeltaLogError, match="it has 0 of 4 actions: it was cut"):
        Commit.from_json(first_line)


def test_actions_of_kinds_that_are_not_known_yet_count_in_a_commit():
    info = b'{"commitInfo": {"musiq_actions": 2}}\n'
    later = b'{"later": {"kind": "of action"}}\n'
    add = b'{"add": {"path": "a", "size": 1, "modificationTime": 2}}\n'
    assert Commit.from_json(info + later + add).actions == (added("a"),)


def test_separators_of_lines_inside_of_text_do_not_cut_a_commit():
    told = "a\u2028b\x85c\nd\re"
    commit = Commit(info={"note": told}, actions=(added(encoded_path(told)),))
    assert Commit.from_json(commit.to_json()) == commit
    unescaped = json.dumps({"commitInfo": {"note": "a\u2028b"}}, ensure_ascii=False)
    assert Commit.from_json(unescaped.encode()).info == {"note": "a\u2028b"}


def test_what_other_programs_add_to_a_log_is_passed_over():
    line = b'{"add": {"path": "a", "size": 1, "modificationTime": 2, "baseRowId": 3}}\n'
    other = b'{"domainMetadata": {"domain": "x", "configuration": ""}}\n'
    assert Commit.from_json(line + other).actions == (added("a"),)


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        (Protocol(minReaderVersion=2, minWriterVersion=5), "reader version 2"),
        (
            Protocol(
                minReaderVersion=3,
                minWriterVersion=7,
                readerFeatures=("deletionVectors", "timestampNtz"),
            ),
            "reader version 3 of the Delta protocol with deletionVectors",
        ),
        (Protocol(minReaderVersion=4, minWriterVersion=7), "reader version 4"),
    ],
)
def test_a_table_that_asks_for_more_is_refused(protocol, message):
    with pytest.raises(DeltaLogError, match=message):
        after(TableState(), Commit(info={}, actions=(protocol, METADATA)))


def test_a_partitioned_table_is_refused():
    metadata = Metadata(id="1", schemaString="", partitionColumns=("day",))
    with pytest.raises(DeltaLogError, match="partitioned by day"):
        after(TableState(), Commit(info={}, actions=(PROTOCOL, metadata)))


def test_a_log_without_its_beginning_is_refused():
    with pytest.raises(DeltaLogError, match="first commits"):
        after(TableState(), Commit(info={}, actions=(added("a"),)))


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" * 9, b"\0" * 50])
def test_a_damaged_checkpoint_is_told(data):
    with pytest.raises(DeltaLogError, match="cannot be read as Parquet"):
        from_checkpoint(data, 10)


def test_names_tell_versions():
    assert commit_name(7) == "_delta_log/00000000000000000007.json"
    assert commit_version("00000000000000000007.json") == 7
    assert checkpoint_version(checkpoint_name(10).rpartition("/")[2]) == 10
    for other in (
        "00000000000000000007.crc",
        "00000000000000000010.checkpoint.parquet",
        "7.json",
        "_last_checkpoint",
        ".tmp.json",
        "0000000000000000007\u0667.json",
    ):
        assert commit_version(other) is None
    assert checkpoint_version("00000000000000000010.json") is None


def test_checkpoints_are_due_every_ten_commits():
    assert [version for version in range(31) if is_due(version)] == [10, 20, 30]


def test_the_newest_checkpoint_is_told():
    assert json.loads(to_last_checkpoint(20, 5)) == {"version": 20, "size": 5}


def test_files_removed_over_a_week_before_the_last_are_forgotten():
    day_ms = 86_400_000
    removed = {
        str(day): RemoveFile(path=str(day), deletionTimestamp=day * day_ms)
        for day in range(20)
    }
    state = TableState(version=20, removed=removed)
    assert list(without_expired(state).removed) == [str(n) for n in range(13, 20)]
    assert without_expired(TableState()) == TableState()
