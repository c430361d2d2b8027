"""Cleaning removes what no kept state needs, and nothing else."""

import os

import pytest
from helpers.make_images import encoded, noise, write_images
from helpers.run_musiq import commits_of, manifest_of, rows_by_key, run_here
from helpers.tiny_models import tiny_model_file

from pipelines.ledger.errors import LedgerFolderError
from pipelines.ledger.reader import open_ledger
from schemas.delta.checkpoints import LAST_NAME, checkpoint_name
from schemas.delta.commits import commit_name

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
    """Make all files a year older; what came first still did."""
    for path in ledger.rglob("*"):
        time_ns = path.stat().st_mtime_ns - 365 * 86_400 * 10**9
        os.utime(path, ns=(time_ns, time_ns))


def clean(ledger, *extra) -> str:
    outcome = run_here("clean", "--ledger", ledger, *extra)
    assert outcome.code == 0, outcome.err
    return outcome.out


def test_the_kept_states_stay_whole_and_all_else_goes(ledger):
    grow_old(ledger)
    rows = rows_by_key(ledger)
    clean(ledger, "--keep", 1)
    kept = {file["path"] for file in manifest_of(ledger)["files"]}
    log = {commit_name(2), checkpoint_name(2), LAST_NAME}
    assert files_of(ledger) == kept | log
    assert rows_by_key(ledger) == rows
    assert run_here("verify", "--ledger", ledger).code == 0
    assert clean(ledger) == "removed 0 files, 0.0 MiB\n"


def test_fresh_files_and_states_are_spared(ledger):
    before = files_of(ledger)
    assert clean(ledger, "--keep", 1) == "removed 0 files, 0.0 MiB\n"
    assert files_of(ledger) == before


def test_a_state_that_was_the_newest_until_lately_is_spared_for_its_readers(ledger):
    grow_old(ledger)
    os.utime(ledger / commit_name(2))
    reader = open_ledger(str(ledger), version=1)
    rows = reader.table()
    clean(ledger, "--keep", 1)
    assert reader.table().equals(rows)
    assert open_ledger(f"{ledger}@1").table().equals(rows)
    assert commit_name(0) not in files_of(ledger)


@pytest.mark.parametrize("keep", [1, 2])
def test_what_a_run_may_need_that_is_going_on_is_spared(ledger, keep):
    """It has started after the newest state was published, however long ago."""
    leavings = {"runs/slow/run.json", "runs/slow/part-0.parquet", "journal/k/a.parquet"}
    (ledger / "runs/slow").mkdir()
    for name in leavings:
        (ledger / name).write_bytes(b"{}")
    grow_old(ledger)
    told = clean(ledger, "--keep", keep)
    assert "\nspared what may belong to runs that are going on: slow\n" in told
    assert leavings <= files_of(ledger)
    assert "runs/failed/part-00000-of-00001.parquet" not in files_of(ledger)


def test_a_run_that_can_no_longer_publish_is_not_spared(ledger):
    (ledger / "runs/slow").mkdir()
    (ledger / "runs/slow/run.json").write_bytes(b"{}")
    grow_old(ledger)
    time_ns = (ledger / commit_name(2)).stat().st_mtime_ns - 10**6
    os.utime(ledger / "runs/slow/run.json", ns=(time_ns, time_ns))
    assert "spared" not in clean(ledger)
    assert not {name for name in files_of(ledger) if name.startswith("runs/slow")}


def test_cleaning_again_and_again_keeps_the_log_short(ledger):
    for _ in range(2):
        grow_old(ledger)
        clean(ledger, "--keep", 2)
        assert [path.name for path in commits_of(ledger)] == [
            f"{version:020d}.json" for version in (1, 2)
        ]
    with pytest.raises(LedgerFolderError, match=r"cannot read .*0\.json"):
        open_ledger(f"{ledger}@0")


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
    (ledger / commit_name(2)).write_text("{}")
    before = files_of(ledger)
    outcome = run_here("clean", "--ledger", ledger)
    assert (outcome.code, "cannot read" in outcome.error) == (2, True)
    assert files_of(ledger) == before
