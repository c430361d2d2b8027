"""delta-rs, which knows nothing of us, opens what `musiq score` wrote by its name."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.make_images import encoded, noise, write_images
from helpers.run_musiq import rows_by_key, run_here, table_of
from helpers.tiny_models import TINY, tiny_model_file
from helpers.whole_runs import models_loaded_once
from helpers.written_ledger import write_ledger

from pipelines.ledger.log import put_checkpoint_if_due, put_commit, read_table_state
from schemas.delta.actions import AddFile, Metadata
from schemas.delta.columns import protocol_for, schema_string, stored_field
from schemas.delta.commits import Commit, commit_name
from schemas.delta.state import TableState, after
from schemas.delta.stats import file_stats

deltalake = pytest.importorskip("deltalake")


def delta_rows(ledger, version: int | None = None) -> list[dict]:
    table = deltalake.DeltaTable(str(ledger), version=version)
    return sorted(read(table).to_pylist(), key=lambda row: row["uri"])


def read(table) -> pa.Table:
    return pa.table(table.to_pyarrow_table())


def own_rows(ledger) -> list[dict]:
    return sorted(table_of(ledger).to_pylist(), key=lambda row: row["uri"])


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """A ledger of four runs, and its rows after each by our own reader."""
    folder = tmp_path_factory.mktemp("history")
    photos, ledger = folder / "photos", folder / "ledger"
    write_images(photos, 3)
    (photos / "page.jpg").write_bytes(b"<html>")
    first, second = folder / "tiny.safetensors", folder / "second.safetensors"
    first.write_bytes(tiny_model_file())
    second.write_bytes(tiny_model_file(TINY, name="second"))
    states = []

    def run(*arguments):
        outcome = run_here(
            *("score", "--input", photos, "--output", ledger, "--workers", 1),
            *("--model", f"tiny={first}", *arguments),
        )
        assert outcome.code == 0, outcome.err
        states.append(own_rows(ledger))

    with models_loaded_once():
        run()
        (photos / "new.png").write_bytes(encoded(noise(50, 50)))
        run()
        (photos / "image-001.png").unlink()
        run("--vanished", "mark")
        run("--model", f"second={second}", "--rows_per_shard", 2)
    return ledger, states


def test_every_state_is_there_by_its_version(history):
    ledger, states = history
    assert [len(rows) for rows in states] == [4, 5, 5, 4]
    for version, expected in enumerate(states):
        assert delta_rows(ledger, version) == expected
    assert delta_rows(ledger) == states[-1]


def test_the_columns_of_a_further_model_are_in_its_version_alone(history):
    ledger, _ = history
    for version, is_there in ((2, False), (3, True)):
        table = deltalake.DeltaTable(str(ledger), version=version)
        names = {field.name for field in table.schema().fields}
        assert ("musiq_second" in names) == is_there
        assert table.protocol().min_reader_version == 1


def test_the_history_tells_the_counts_of_every_run(history):
    ledger, _ = history
    told = deltalake.DeltaTable(str(ledger)).history()
    assert [one["version"] for one in told] == [3, 2, 1, 0]
    facts = [one["musiq"] for one in told]
    facts = [json.loads(one) if isinstance(one, str) else one for one in facts]
    assert [one["counts"]["listed"] for one in facts] == [4, 4, 5, 4]
    assert facts[1]["counts"]["vanished"] == 1
    assert facts[0]["models"].keys() == {"tiny", "second"}


def test_only_the_files_of_the_newest_state_are_in_it(history):
    ledger, _ = history
    table = deltalake.DeltaTable(str(ledger))
    state = read_table_state(str(ledger), table.version())
    assert {uri.removeprefix(f"{ledger}/") for uri in table.file_uris()} == {
        *state.files
    }
    actions = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    assert sum(one["num_records"] for one in actions) == 4
    assert {one["min.status"] for one in actions} <= {"scored", "failed"}
    assert sum(one["null_count.musiq_tiny"] for one in actions) == 1


def test_a_vacuum_of_delta_rs_spares_the_newest_state(history):
    ledger, states = history
    table = deltalake.DeltaTable(str(ledger))
    found = table.vacuum(
        retention_hours=0, dry_run=True, enforce_retention_duration=False
    )
    needed = {file for file in read_table_state(str(ledger), 3).files}
    assert found
    assert not needed & set(found)
    assert delta_rows(ledger) == states[-1]


def test_a_ledger_a_fortnight_old_is_read_from_its_checkpoint(tmp_path):
    for version in range(13):
        write_ledger(str(tmp_path), [0.5] * (version + 1), version)
    for version in range(10):
        (tmp_path / commit_name(version)).unlink()
    for version in (10, 12):
        found = delta_rows(tmp_path, version)
        assert len(found) == version + 1
    assert len(rows_by_key(tmp_path)) == 13


@pytest.mark.parametrize(
    ("values", "data_type"),
    [
        ([2**64 - 1, None], pa.uint64()),
        ([255, 0], pa.uint8()),
        ([1, None], pa.timestamp("ms", "Asia/Tokyo")),
        ([1, None], pa.timestamp("s")),
        ([None, None], pa.null()),
        ([1.5, None], pa.float16()),
        ([[1], None], pa.large_list(pa.uint32())),
        ([{"a b": 1, "a_b": 2}], pa.struct([("a b", pa.uint8()), ("a_b", pa.int8())])),
        ([[("k", 1)], None], pa.map_(pa.string(), pa.uint16())),
        ([[b"x", None]], pa.list_(pa.large_binary())),
        ([5, None], pa.duration("ms")),
    ],
)
def test_columns_of_every_type_are_read(tmp_path, values, data_type):
    field = stored_field(pa.field("it", data_type))
    if pa.types.is_struct(field.type):
        values = [{"a_b_2": one["a b"], "a_b": one["a_b"]} for one in values]
    array = (
        pa.array(values, data_type).cast(field.type)
        if not pa.types.is_struct(field.type)
        else pa.array(values, field.type)
    )
    table = pa.table([array], schema=pa.schema([field]))
    pq.write_table(table, tmp_path / "1.parquet")
    size = (tmp_path / "1.parquet").stat().st_size
    commit = Commit(
        info={"operation": "WRITE", "timestamp": 1},
        actions=(
            protocol_for(table.schema),
            Metadata(
                id="4d2a6a5e-5e0c-4b1e-9f6e-000000000001",
                schemaString=schema_string(table.schema),
                createdTime=1,
            ),
            AddFile(
                path="1.parquet",
                size=size,
                modificationTime=1,
                stats=file_stats(table, []),
            ),
        ),
    )
    assert put_commit(str(tmp_path), 0, commit)
    found = read(deltalake.DeltaTable(str(tmp_path)))
    assert found.column("it").to_pylist() == array.to_pylist()


def test_a_checkpoint_of_a_table_with_local_times_is_read(tmp_path):
    table = pa.table({"taken": pa.array([1], pa.timestamp("us"))})
    pq.write_table(table, tmp_path / "1.parquet")
    size = (tmp_path / "1.parquet").stat().st_size
    metadata = Metadata(
        id="4d2a6a5e-5e0c-4b1e-9f6e-000000000001",
        schemaString=schema_string(table.schema),
    )
    added = AddFile(path="1.parquet", size=size, modificationTime=1)
    state = TableState()
    for version in range(12):
        first = (protocol_for(table.schema), metadata, added) if version == 0 else ()
        commit = Commit(info={"timestamp": version}, actions=first)
        assert put_commit(str(tmp_path), version, commit)
        state = after(state, commit)
        put_checkpoint_if_due(str(tmp_path), state)
    for version in range(11):
        (tmp_path / commit_name(version)).unlink()
    assert read(deltalake.DeltaTable(str(tmp_path))).num_rows == 1
