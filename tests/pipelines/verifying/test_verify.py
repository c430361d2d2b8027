"""A ledger is verified from its files; each kind of damage is named."""

import dataclasses
import hashlib
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.make_images import write_images
from helpers.run_musiq import manifest_of, run_here
from helpers.tiny_models import tiny_model_file

from pipelines.ledger.log import read_commit
from schemas.delta.commits import commit_name


@pytest.fixture
def ledger(tmp_path):
    write_images(tmp_path / "photos", 5)
    (tmp_path / "photos" / "page.jpg").write_bytes(b"<html>")
    (tmp_path / "tiny.safetensors").write_bytes(tiny_model_file())
    outcome = run_here(
        *("score", "--input", tmp_path / "photos", "--output", tmp_path / "ledger"),
        *("--model", tmp_path / "tiny.safetensors", "--workers", 1),
    )
    assert outcome.code == 0, outcome.err
    return tmp_path / "ledger"


def verify(ledger) -> list[str]:
    outcome = run_here("verify", "--ledger", ledger, "--json")
    problems = json.loads(outcome.out)["problems"]
    assert outcome.code == (1 if problems else 0)
    return problems


def forge(ledger, change) -> None:
    """Change the table and make the commit fit it, as a buggy writer would."""
    [file] = manifest_of(ledger)["files"]
    path = ledger / file["path"]
    table = change(pq.read_table(path))
    pq.write_table(table, path)
    commit = read_commit(str(ledger), 0)
    *others, added = commit.actions
    forged = dataclasses.replace(
        added,
        size=path.stat().st_size,
        stats=json.dumps({"numRecords": table.num_rows}),
        tags=added.tags
        | {"musiq_sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
    )
    made = dataclasses.replace(commit, actions=(*others, forged))
    (ledger / commit_name(0)).write_bytes(made.to_json())


def replaced(name: str, change):
    def change_table(table: pa.Table) -> pa.Table:
        index = table.schema.get_field_index(name)
        field = table.schema.field(name)
        values = change(table.column(name).to_pylist())
        return table.set_column(index, field, pa.array(values, field.type))

    return change_table


def test_a_whole_ledger_passes(ledger):
    outcome = run_here("verify", "--ledger", ledger)
    assert outcome.code == 0
    assert outcome.out == "version 0: 6 rows in 1 files, as published\n"


def test_a_changed_or_missing_file_is_named(ledger):
    [file] = manifest_of(ledger)["files"]
    path = ledger / file["path"]
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    [problem] = verify(ledger)
    assert problem.startswith(file["path"])
    assert "is not what its commit says" in problem
    path.unlink()
    [problem] = verify(ledger)
    assert "the ledger is incomplete" in problem


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.slice(1), "5 rows, but 6 inputs were listed"),
        (lambda t: pa.concat_tables([t, t.slice(0, 1)]), "have several rows, such as"),
        (lambda t: t.drop_columns(["tokens"]), "it has no column tokens"),
        (
            lambda t: t.drop_columns(["failure", "vanished"]),
            "no column failure, vanish",
        ),
        (
            replaced("vanished", lambda v: [True, *v[1:]]),
            "1 rows are marked as vanished, but the commit says 0",
        ),
        (replaced("musiq_tiny", lambda v: [float("nan")] * 6), "is not finite"),
        (replaced("musiq_tiny", lambda v: [None] * 6), "is not there for all scored"),
        (replaced("musiq_tiny_model", lambda v: ["f"] * 6), "another model file"),
        (replaced("status", lambda v: ["scored"] * 6), "neither scored nor failed"),
        (
            replaced("failure", lambda v: [x and "empty" for x in v]),
            "not those that the commit counts",
        ),
    ],
)
def test_rows_that_cannot_be_are_named(ledger, change, message):
    forge(ledger, change)
    assert any(message in problem for problem in verify(ledger))


def test_wrong_use_is_one_line(tmp_path):
    outcome = run_here("verify", "--ledger", tmp_path)
    assert outcome.code == 2
    assert "has no published state" in outcome.error
    assert "unknown flag --moo" in run_here("verify", "--ledger", "x", "--moo").error
