"""Cleaning removes what no kept state needs, and nothing else."""

import os

import pytest
from helpers.make_images import encoded, noise, write_images
from helpers.run_musiq import manifest_of, rows_by_key, run_here
from helpers.tiny_models import tiny_model_file

pytestmark = pytest.mark.usefixtures("models_loaded_once")


@pytest.fixture
def ledger(tmp_path):
    """A ledger of three states, with the leavings of a failed run."""
    photos, ledger = tmp_path / "photos", tmp_path / "ledger"
    write_images(photos, 2)
    (tmp_path / "tiny.safetensors").write_bytes(tiny_model_file())
    for state in range(3):
        (photos / f"new-{state}.png").write_bytes(encoded(noise(40, 40, state)))
        outcome = run_here(
            *("score", "--input", photos, "--output", ledger, "--workers", 1),
            *("--model", tmp_path / "tiny.safetensors"),
        )
        assert outcome.code == 0, outcome.err
    for leaving in ("runs/failed/part-00000-of-00001.parquet", "journal/k/a.parquet"):
        (ledger / leaving).parent.mkdir(parents=True)
        (ledger / leaving).write_bytes(b"x")
    return ledger


def files_of(ledger) -> set[str]:
    return {
        str(path.relative_to(ledger)) for path in ledger.rglob("*") if path.is_file()
    }


def grow_old(ledger) -> None:
    for path in ledger.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))


def clean(ledger, *extra) -> str:
    outcome = run_here("clean", "--ledger", ledger, *extra)
    assert outcome.code == 0, outcome.err
    return outcome.out


def test_the_kept_states_stay_whole_and_all_else_goes(ledger):
    grow_old(ledger)
    rows = rows_by_key(ledger)
    clean(ledger, "--keep", 1)
    manifest = manifest_of(ledger)
    kept = {file["path"] for file in manifest["files"]}
    assert files_of(ledger) == {*kept, "_manifests/00000003.json"}
    assert rows_by_key(ledger) == rows
    assert run_here("verify", "--ledger", ledger).code == 0
    assert clean(ledger) == "removed 0 files, 0.0 MiB\n"


def test_fresh_files_of_runs_are_spared(ledger):
    before = files_of(ledger)
    clean(ledger, "--keep", 2)
    assert before - files_of(ledger) == {"_manifests/00000001.json"}


def test_a_file_that_a_kept_state_took_over_stays(ledger, tmp_path):
    outcome = run_here(
        *("score", "--input", tmp_path / "photos", "--output", ledger),
        *("--model", tmp_path / "tiny.safetensors", "--workers", 1),
    )
    assert outcome.code == 0, outcome.err
    manifest = manifest_of(ledger)
    assert not any(manifest["run_id"] in file["path"] for file in manifest["files"])
    grow_old(ledger)
    clean(ledger, "--keep", 1)
    assert run_here("verify", "--ledger", ledger).code == 0
    assert {file["path"] for file in manifest["files"]} < files_of(ledger)


def test_a_dry_run_names_the_files_and_removes_nothing(ledger):
    grow_old(ledger)
    before = files_of(ledger)
    told = clean(ledger, "--keep", 1, "--dry_run")
    assert f"{ledger}/journal/k/a.parquet\n" in told
    assert "would remove" in told
    assert files_of(ledger) == before


def test_wrong_use_is_one_line(ledger, tmp_path):
    (tmp_path / "empty").mkdir()
    outcome = run_here("clean", "--ledger", tmp_path / "empty")
    assert (outcome.code, "has no published state" in outcome.error) == (2, True)
    assert (
        "keep must be positive, got 0"
        in run_here("clean", "--ledger", ledger, "--keep=0").error
    )
    (ledger / "_manifests" / "00000003.json").write_text("{}")
    before = files_of(ledger)
    outcome = run_here("clean", "--ledger", ledger)
    assert (outcome.code, "cannot read" in outcome.error) == (2, True)
    assert files_of(ledger) == before
