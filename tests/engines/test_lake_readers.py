"""Engines that know nothing of us open what `musiq score` wrote, by its name."""

import contextlib
import datetime
import decimal
import json
import re
import shutil
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.gcs_double import BUCKET, running_double
from helpers.gcs_xml import running_xml
from helpers.lake import JARS, Lake, running_engine
from helpers.local_server import environment
from helpers.make_images import encoded, noise, write_images
from helpers.run_musiq import ROOT, run_here, table_of
from helpers.tiny_models import TINY, tiny_model_file
from helpers.whole_runs import models_loaded_once
from helpers.written_ledger import write_ledger

from pipelines.ledger.log import put_checkpoint_if_due, put_commit, read_table_state
from pipelines.ledger.reader import open_ledger
from pipelines.storage.buckets.google_cloud import GoogleCloudStorage
from pipelines.storage.stores import use_store
from schemas.delta.columns import stored_type
from schemas.delta.commits import Commit, commit_name
from schemas.delta.state import after

pytestmark = pytest.mark.engines


@pytest.fixture(scope="module")
def started() -> Iterator[Callable[[str], Lake]]:
    """Start an engine that is not running yet."""
    running: dict[str, Lake] = {}
    with contextlib.ExitStack() as stack:

        def start(name: str) -> Lake:
            if name == "Spark" and not JARS.exists():
                pytest.skip("NOT PROVEN: Spark. Maven Central gave no jars")
            if name not in running:
                running[name] = stack.enter_context(running_engine(name))
            return running[name]

        yield start


@pytest.fixture(params=["delta-rs", "DuckDB", "Polars", "Spark"])
def lake(request, started) -> Lake:
    """Every engine."""
    return started(request.param)


AT_ONCE = ("--older_than_hours", 1e-9)


def in_order(table: pa.Table) -> list[dict]:
    return sorted(table.to_pylist(), key=lambda row: row["uri"])


def own_rows(ledger) -> list[dict]:
    return in_order(table_of(ledger))


def columns_of(table: pa.Table) -> dict[str, pa.DataType]:
    """Types by names, without what engines call parts of lists."""
    return {field.name: stored_type(field.type) for field in table.schema}


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
            *("--model", f"koniq={first}", *arguments),
        )
        assert outcome.code == 0, outcome.err
        states.append(own_rows(ledger))

    with models_loaded_once():
        run()
        (photos / "new.png").write_bytes(encoded(noise(50, 50)))
        run()
        (photos / "image-001.png").unlink()
        run("--vanished", "mark")
        run("--model", f"ava={second}", "--rows_per_shard", 2, "--measure")
    return ledger, states


def test_every_state_is_there_by_its_version(lake, history):
    ledger, states = history
    assert [len(rows) for rows in states] == [4, 5, 5, 4]
    for version, expected in enumerate(states):
        assert in_order(lake.rows(ledger, version)) == expected
    newest = lake.rows(ledger)
    assert in_order(newest) == states[-1]
    assert columns_of(newest) == columns_of(table_of(ledger))
    assert "musiq_ava" not in lake.rows(ledger, 2).schema.names


def test_what_a_cleaning_keeps_is_there_and_the_newest_is_found(
    lake, history, tmp_path
):
    ledger, states = history
    kept = tmp_path / "ledger"
    shutil.copytree(ledger, kept)
    cleaned = run_here("clean", "--ledger", kept, "--keep", 2, *AT_ONCE)
    assert cleaned.code == 0, cleaned.err
    assert not (kept / commit_name(0)).exists()
    assert in_order(lake.rows(kept)) == states[3]
    assert in_order(lake.rows(kept, 2)) == states[2]


@pytest.mark.parametrize("engine", ["delta-rs", "Spark"])
def test_the_history_tells_of_every_run(engine, started, history):
    ledger, _ = history
    told = started(engine).ask("history", table=str(ledger))
    assert [one["version"] for one in told] == [3, 2, 1, 0]
    assert {one["operation"] for one in told} == {"WRITE"}
    assert all(one["engineInfo"].startswith("musiq/") for one in told)
    if engine == "delta-rs":
        assert_counts_are_told([one["musiq"] for one in told])


def assert_counts_are_told(facts: list) -> None:
    facts = [json.loads(one) if isinstance(one, str) else one for one in facts]
    assert [one["counts"]["listed"] for one in facts] == [4, 4, 5, 4]
    assert facts[1]["counts"]["vanished"] == 1
    assert facts[0]["models"].keys() == {"koniq", "ava"}


def test_the_log_tells_files_and_statistics_and_a_vacuum_spares_them(started, history):
    ledger, states = history
    delta_rs = started("delta-rs")
    facts = delta_rs.ask("facts", table=str(ledger))
    needed = set(read_table_state(str(ledger), 3).files)
    assert {uri.removeprefix(f"{ledger}/") for uri in facts["files"]} == needed
    assert facts["reader_version"] == 1
    added = facts["added"]
    assert sum(one["num_records"] for one in added) == 4
    assert {one["min.status"] for one in added} <= {"scored", "failed"}
    assert sum(one["null_count.musiq_koniq"] for one in added) == 1
    assert facts["superfluous"]
    assert not needed & set(facts["superfluous"])
    assert in_order(delta_rs.rows(ledger)) == states[-1]


def test_a_ledger_a_fortnight_old_is_read_from_its_checkpoint(lake, tmp_path):
    for version in range(13):
        write_ledger(str(tmp_path), [0.5] * (version + 1), version)
    for version in range(10):
        (tmp_path / commit_name(version)).unlink()
    assert lake.rows(tmp_path).num_rows == 13
    assert lake.rows(tmp_path, 10).num_rows == 11


EVERY_TYPE = {
    **{f"int{n}": ([-(2 ** (n - 1))], f"int{n}") for n in (8, 16, 32, 64)},
    **{f"uint{n}": ([2**n - 1], f"uint{n}") for n in (8, 16, 32, 64)},
    "yes": ([True], pa.bool_()),
    "half": ([1.5], pa.float16()),
    "single": ([0.25], pa.float32()),
    "double": ([0.1], pa.float64()),
    "text": (["é"], pa.string()),
    "large text": (["é"], pa.large_string()),
    "view of text": (["é"], pa.string_view()),
    "coded": (["é"], pa.dictionary(pa.int32(), pa.string())),
    "day": ([datetime.date(2026, 1, 2)], pa.date32()),
    "ms of day": ([1], pa.time32("ms")),
    "ns of day": ([1], pa.time64("ns")),
    **{
        f"at_{unit}{zone}": ([1_000_000], pa.timestamp(unit, zone or None))
        for unit in ("s", "ms", "us", "ns")
        for zone in ("", "Asia/Tokyo")
    },
    "at_the_nanosecond": ([1_700_000_000_123_456_789], pa.timestamp("ns", "UTC")),
    "took": ([1500], pa.duration("ms")),
    "took_ns": ([1], pa.duration("ns")),
    "price": ([decimal.Decimal("1.50")], pa.decimal128(9, 2)),
    "long": ([decimal.Decimal(10) ** 37], pa.decimal128(38, 0)),
    "longer": ([decimal.Decimal(10) ** 60], pa.decimal256(76, 0)),
    "nothing": ([None], pa.null()),
    "pair": ([[1, 2]], pa.list_(pa.int8(), 2)),
    "lists": ([[[1], []]], pa.large_list(pa.list_(pa.uint32()))),
    "struct": (
        [{"a b": 1, "A_B": 2, "t": 3}],
        pa.struct([("a b", pa.uint64()), ("A_B", pa.int8()), ("t", pa.time32("ms"))]),
    ),
    "map": ([[("k", 1)]], pa.map_(pa.string(), pa.duration("s"))),
    "deep": (
        [[{"in": [("k", [{"x.y": 1}])]}]],
        pa.list_(
            pa.struct(
                {"in": pa.map_(pa.string(), pa.list_(pa.struct({"x.y": pa.uint8()})))}
            )
        ),
    ),
    "a b,c;d{e}(f)=g\th\ni": (["x"], pa.string()),
    'j.k!l"m$n*o/p?q@r[s\\t]u^v`w~': (["x"], pa.string()),
    **{
        name: (["x"], pa.string())
        for name in (" ", "Größe", "数", "é%20", "1st", "#", "a-b:c|d&e'f<g>", "select")
    },
    **{name: (["x"], pa.string()) for name in ("Width", "TEXT", "musiq x", "_")},
}


def test_a_ledger_with_every_type_and_name_of_columns_is_opened(lake, every_type):
    ledger, renamed = every_type
    found, expected = lake.rows(ledger), table_of(ledger)
    assert len(expected.schema.names) > len(EVERY_TYPE)
    assert in_order(found) == in_order(expected)
    assert columns_of(found) == columns_of(expected)
    assert renamed["large text"] == "large_text"
    assert renamed["struct.a b"] == "struct.a_b_2"
    assert renamed["Width"] == "input_Width"


@pytest.fixture(scope="module")
def every_type(tmp_path_factory):
    """A ledger of one photo whose manifest has a column of every type."""
    folder = tmp_path_factory.mktemp("types")
    write_images(folder, 2)
    columns = {
        name: pa.array([*values, values[0] if name == "pair" else None], data_type)
        for name, (values, data_type) in EVERY_TYPE.items()
    }
    paths = pa.array(["image-000.png", "image-001.png"])
    table = pa.table({"path": paths} | columns)
    pq.write_table(table, folder / "photos.parquet")
    (folder / "tiny.safetensors").write_bytes(tiny_model_file())
    ledger = folder / "ledger"
    outcome = run_here(
        *("score", "--input", folder / "photos.parquet", "--uri_column", "path"),
        *("--model", folder / "tiny.safetensors", "--output", ledger),
        *("--workers", 1, "--json"),
    )
    assert outcome.code == 0, outcome.err
    return ledger, outcome.summary["renamed"]


def test_a_checkpoint_of_a_table_with_local_times_is_read(lake, every_type, tmp_path):
    ledger = tmp_path / "ledger"
    shutil.copytree(every_type[0], ledger)
    state = read_table_state(str(ledger), 0)
    assert state.protocol.readerFeatures == ("timestampNtz",)
    for version in range(1, 12):
        commit = Commit(info={"operation": "NONE", "timestamp": version}, actions=())
        assert put_commit(str(ledger), version, commit)
        state = after(state, commit)
        put_checkpoint_if_due(str(ledger), state)
    for version in range(11):
        (ledger / commit_name(version)).unlink()
    assert in_order(lake.rows(ledger)) == own_rows(every_type[0])


@pytest.mark.parametrize("engine", ["delta-rs", "DuckDB", "Polars"])
def test_a_ledger_in_s3_is_opened_by_name(engine, s3, tmp_path):
    store = s3.env | {"AWS_ALLOW_HTTP": "true"}
    with environment(s3.env):
        expected = bucket_ledger(f"{s3.uri}/{tmp_path.name}")
    with running_engine(engine, store) as lake:
        require_states(lake, f"{s3.uri}/{tmp_path.name}", expected)


@pytest.mark.parametrize("engine", ["delta-rs", "Polars"])
def test_a_ledger_in_gs_is_opened_by_name(engine, gs_ledger):
    ledger, store, expected = gs_ledger
    with running_engine(engine, store) as lake:
        require_states(lake, ledger, expected)


@pytest.fixture(scope="module")
def gs_ledger():
    """A ledger in a double; this process's client, once made, knows no other store."""
    ledger = f"gs://{BUCKET}/ledger"
    with running_double() as (double, env):
        with environment(env), use_store("gs", GoogleCloudStorage()):
            expected = bucket_ledger(ledger)
        with running_xml(double) as store:
            yield ledger, store, expected


def bucket_ledger(ledger: str) -> list[list[dict]]:
    """Write a ledger of two states, and give their rows by our own reader."""
    for version, scores in enumerate(([0.5], [0.5, None, 0.25])):
        write_ledger(ledger, scores, version)
    states = [open_ledger(f"{ledger}@{version}") for version in range(2)]
    return [in_order(state.table()) for state in states]


def require_states(lake: Lake, ledger: str, expected: list[list[dict]]) -> None:
    for version, rows in enumerate(expected):
        assert in_order(lake.rows(ledger, version)) == rows
    assert in_order(lake.rows(ledger)) == expected[-1]


def snippet(language: str, ledger) -> str:
    """What the README prints for an engine, on a ledger of ours."""
    text = (ROOT / "schemas" / "README.md").read_text()
    [found] = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return found.replace("/data/ledger", str(ledger))


def test_what_the_readme_prints_for_python_runs(started, history):
    ledger, states = history
    made = started("Polars").ask("python", text=snippet("py", ledger))
    assert (made["rows"], made["before"]) == (len(states[-1]), len(states[0]))
    assert made["runs"] == len(states)
    assert made["files"] == len(open_ledger(str(ledger)).files())


@pytest.mark.parametrize("engine", ["DuckDB", "Spark"])
def test_what_the_readme_prints_in_sql_runs(engine, started, history):
    ledger, states = history
    text = snippet(f"sql {engine.lower()}", ledger)
    asked = [line for line in text.splitlines() if line]
    by_status, before, *runs = [
        started(engine).ask("sql", text=line.rstrip(";")) for line in asked
    ]
    assert sorted(by_status) == [["failed", 1], ["scored", 3]]
    assert before == [[len(states[0])]]
    assert all(len(told) == len(states) for told in runs)
