"""What machines are told of a run holds to its published schema, whatever happens."""

import dataclasses
import json

import pytest
from helpers.json_schema import problems
from helpers.logged import logged
from helpers.make_images import encoded, noise, write_images
from helpers.run_musiq import ROOT, manifest_of, run_here
from helpers.tiny_models import tiny_model_file

from schemas.manifest import Counts

pytestmark = pytest.mark.usefixtures("models_loaded_once")

SCHEMA = ROOT / "schemas" / "score_report.schema.json"


@pytest.fixture
def job(tmp_path):
    """Runs the job on the same folders; gives the outcome, and what was told."""
    write_images(tmp_path / "photos", 2)
    (tmp_path / "tiny.safetensors").write_bytes(tiny_model_file())

    def run(*extra, photos="photos", model="tiny.safetensors"):
        outcome = run_here(
            *("score", "--input", tmp_path / photos, "--output", tmp_path / "ledger"),
            *("--model", tmp_path / model, "--workers", 1, "--json", *extra),
        )
        [line] = outcome.out.splitlines()
        told = json.loads(line)
        assert problems(told, SCHEMA) == []
        assert told["exit_code"] == outcome.code
        return outcome, told

    return run


def test_this_run_and_the_whole_ledger_are_told_apart(job, tmp_path):
    (tmp_path / "photos" / "page.jpg").write_bytes(b"<html>")
    _, first = job()
    assert (first["event"], first["version"]) == ("musiq_commit", 0)
    assert first["models"].keys() == {"tiny"}
    _, second = job("--quiet")
    assert (second["counts"]["failed"], second["counts"]["carried_over"]) == (0, 3)
    assert second["state"]["failures"] == {"not_an_image": 1}
    assert (second["state"]["rows"], second["state"]["failed"]) == (3, 1)
    assert (
        second["state"]["score_quantiles"]
        == manifest_of(tmp_path / "ledger")["score_quantiles"]
    )
    assert (first["tokens"] > 0, second["tokens"]) == (True, 0)


def test_a_run_of_which_nothing_was_scored_has_exit_code_4(job, tmp_path):
    (tmp_path / "page.jpg").write_bytes(b"<html>")
    outcome, told = job(photos="page.jpg")
    assert (outcome.code, told["event"]) == (4, "musiq_commit")


def test_too_many_failures_are_told_with_their_class_and_line(job, tmp_path):
    for number in range(20):
        (tmp_path / "photos" / f"{number}.jpg").write_bytes(b"<html>")
    outcome, told = job("--quiet")
    assert (outcome.code, told["event"]) == (3, "musiq_failure")
    assert told["error"]["class"] == "FailureBudgetError"
    assert outcome.error == f"musiq score: error: {told['error']['line']}"
    assert told["run_id"]


def test_what_is_refused_before_the_run_is_told_too(job):
    outcome, told = job(model="absent.safetensors")
    assert (outcome.code, told["run_id"]) == (2, None)
    assert outcome.error == f"musiq score: error: {told['error']['line']}"
    outcome, told = job("--no_such_flag")
    assert (outcome.code, told["error"]["class"]) == (2, "UsageError")


def test_quiet_prints_nothing_unless_something_is_wrong(job, tmp_path):
    (tmp_path / "photos" / "new.png").write_bytes(encoded(noise(50, 50)))
    outcome, _ = job("--quiet")
    assert outcome.err == ""
    arguments = (
        *("score", "--input", tmp_path / "photos", "--output", tmp_path / "ledger"),
        *("--workers", 1, "--quiet"),
    )
    outcome = run_here(*arguments)  # another model, which other runs are told of
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert "quiet" not in manifest_of(tmp_path / "ledger")["asked"]
    outcome = run_here(*arguments, "--model", tmp_path / "absent.safetensors")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.error.startswith("musiq score: error: ")


def test_publication_and_the_end_of_the_program_are_log_lines_of_json(job, tmp_path):
    with logged() as records:
        _, told = job()
    published, ended = [json.loads(record.getMessage()) for record in records]
    assert problems(published, SCHEMA) == []
    assert ended == told
    taken = {"seconds", "images_per_second"}
    assert {n: published[n] for n in published.keys() - taken} == {
        n: told[n] for n in published.keys() - taken
    }


def test_the_schema_has_the_counts_of_the_manifest():
    defined = json.loads(SCHEMA.read_text())["$defs"]["commit"]["properties"]["counts"]
    names = [field.name for field in dataclasses.fields(Counts)]
    assert sorted(defined["properties"]) == sorted(defined["required"]) == sorted(names)


def test_a_field_that_the_schema_does_not_know_would_be_found():
    told = {"format": "musiq-score/1", "event": "musiq_submission", "exit_code": 0}
    assert problems(told | {"ledger": "l", "run_id": "r"}, SCHEMA) == []
    assert problems(told | {"ledger": "l", "run_id": 3}, SCHEMA)
    assert problems(told | {"ledger": "l", "run_id": "r", "more": 1}, SCHEMA)
    assert problems(told, SCHEMA)
