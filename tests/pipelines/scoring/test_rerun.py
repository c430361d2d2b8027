"""Running again on the same ledger pays only for what is new or changed."""

import os
import shutil
import subprocess
import sys
import time

import psutil
import pyarrow.parquet as pq
import pytest
from helpers.make_images import encoded, noise, write_images
from helpers.run_musiq import ROOT, commits_of, manifest_of, rows_by_key, run_here
from helpers.tiny_models import tiny_model_file

pytestmark = pytest.mark.usefixtures("models_loaded_once")

WORKER_MODULE = "pipelines.engines.embedded.worker"


@pytest.fixture
def job(tmp_path):
    """Runs the job on the same folders and returns the counts of the new state."""
    write_images(tmp_path / "photos", 6)
    (tmp_path / "tiny.safetensors").write_bytes(tiny_model_file())

    def run(*extra, photos=tmp_path / "photos", code=0) -> dict:
        outcome = run_here(
            *("score", "--input", photos, "--output", tmp_path / "ledger"),
            *("--model", tmp_path / "tiny.safetensors", "--workers", 1, *extra),
        )
        assert outcome.code == code, outcome.err
        counts = manifest_of(tmp_path / "ledger")["counts"]
        names = ("carried_over", "scored", "failed", "listed")
        return {name: counts[name] for name in names}

    return run


def test_only_new_and_changed_files_are_scored_again(job, tmp_path):
    photos, ledger = tmp_path / "photos", tmp_path / "ledger"
    (photos / "page.jpg").write_bytes(b"<html>")
    assert job() == {"carried_over": 0, "scored": 6, "failed": 1, "listed": 7}
    before = rows_by_key(ledger)
    assert job() == {"carried_over": 7, "scored": 0, "failed": 0, "listed": 7}
    assert rows_by_key(ledger) == before

    (photos / "new.png").write_bytes(encoded(noise(50, 50)))
    (photos / "image-001.png").write_bytes(encoded(noise(60, 60)))
    (photos / "image-002.png").unlink()
    assert job() == {"carried_over": 5, "scored": 2, "failed": 0, "listed": 7}
    after = rows_by_key(ledger)
    assert after.keys() == {path.name for path in photos.iterdir()}
    for name in ("image-000.png", "image-003.png", "page.jpg"):
        assert after[name] == before[name]
    for name in ("new.png", "image-001.png"):
        assert after[name]["run_id"] == manifest_of(ledger)["run_id"]
    assert after["image-001.png"]["width"] == 60
    quantiles = manifest_of(ledger)["score_quantiles"]["tiny"]
    scores = [row["musiq_tiny"] for row in after.values() if row["musiq_tiny"]]
    assert quantiles["1.0"] == pytest.approx(max(scores))
    assert manifest_of(ledger)["failures"] == {"not_an_image": 1}
    assert len(commits_of(ledger)) == 3


def test_a_run_that_changes_nothing_writes_no_rows_again(job, tmp_path):
    photos, ledger = tmp_path / "photos", tmp_path / "ledger"
    (photos / "page.jpg").write_bytes(b"<html>")
    job("--rows_per_shard=4")
    first = manifest_of(ledger)["files"]
    assert len(first) == 2
    job("--rows_per_shard=4")
    assert manifest_of(ledger)["files"] == first
    assert len(commits_of(ledger)) == 2
    assert len(list(ledger.glob("runs/*/*.parquet"))) == 2

    (photos / "new.png").write_bytes(encoded(noise(50, 50)))
    job("--rows_per_shard=4")
    third = manifest_of(ledger)["files"]
    assert len([file for file in third if file in first]) == 1
    (photos / "new.png").unlink()
    job("--rows_per_shard=4", "--vanished=mark")
    marked = manifest_of(ledger)["files"]
    assert len([file for file in marked if file in third]) == 1
    job("--rows_per_shard=4")
    assert manifest_of(ledger)["files"] == marked  # marked rows stay as they were
    assert run_here("verify", "--ledger", ledger).code == 0


def test_what_a_file_holds_otherwise_is_written_anew(job, tmp_path):
    ledger = tmp_path / "ledger"
    job("--rows_per_shard=4")
    [a, b] = manifest_of(ledger)["files"]
    job("--rows_per_shard=8")
    [whole] = manifest_of(ledger)["files"]
    assert whole["path"] not in (a["path"], b["path"])
    names = tmp_path / "list.csv"
    lines = [f"{path},x" for path in sorted((tmp_path / "photos").iterdir())]
    names.write_text("\n".join(["uri,label", *lines]))
    job("--rows_per_shard=8", photos=names)
    [labelled] = manifest_of(ledger)["files"]
    assert labelled["path"] != whole["path"]
    job("--rows_per_shard=8", photos=names)
    assert manifest_of(ledger)["files"] == [labelled]
    job("--rows_per_shard=8", "--rescore", photos=names)
    assert manifest_of(ledger)["files"] != [labelled]


def test_flags_force_scoring_again(job, tmp_path):
    (tmp_path / "photos" / "page.jpg").write_bytes(b"<html>")
    job()
    assert job("--retry_failed=all")["carried_over"] == 6
    assert job("--rescore")["carried_over"] == 0


def test_other_settings_and_other_models_score_everything_again(job, tmp_path):
    job()
    assert job("--orientation=ignore")["carried_over"] == 0
    (tmp_path / "other.safetensors").write_bytes(tiny_model_file(name="other"))
    other = f"--model={tmp_path / 'other.safetensors'}"
    assert job("--orientation=ignore", other)["carried_over"] == 0
    assert job("--orientation=ignore")["carried_over"] == 6
    assert "musiq_other" not in rows_by_key(tmp_path / "ledger")["image-000.png"]


def test_carried_columns_are_those_of_the_newest_input(job, tmp_path):
    photos = tmp_path / "photos"
    manifest = tmp_path / "list.csv"
    manifest.write_text(f"uri,label\n{photos}/image-000.png,old\n")
    assert job(photos=manifest)["scored"] == 1
    manifest.write_text(f"uri,mood,label\n{photos}/image-000.png,good,new\n")
    assert job(photos=manifest)["carried_over"] == 1
    [row] = rows_by_key(tmp_path / "ledger").values()
    assert (row["label"], row["mood"]) == ("new", "good")


def test_a_damaged_ledger_file_stops_the_run_in_one_line(job, tmp_path):
    job()
    ledger = tmp_path / "ledger"
    [file] = manifest_of(ledger)["files"]
    path = ledger / file["path"]
    path.write_bytes(path.read_bytes()[:-1])
    outcome = run_here(
        *("score", "--input", tmp_path / "photos", "--output", ledger),
        *("--model", tmp_path / "tiny.safetensors", "--workers", 1),
    )
    assert outcome.code == 1
    assert f"{path} is not what its commit says" in outcome.err.splitlines()[-1]
    assert len(commits_of(ledger)) == 1


@pytest.fixture(scope="module")
def large_job(tmp_path_factory):
    """The arguments of a job long enough to be disturbed, and its proper rows."""
    folder = tmp_path_factory.mktemp("large")
    photos = folder / "photos"
    write_images(photos, 60)
    for copy in range(1, 15):
        for index in range(60):
            name = f"image-{index:03d}.png"
            os.link(photos / name, photos / f"copy-{copy:02d}-{name}")
    model = folder / "tiny.safetensors"
    model.write_bytes(tiny_model_file())
    arguments = ["score", "--input", str(photos), "--model", str(model)]
    undisturbed = folder / "undisturbed"
    outcome = run_here(*arguments, "--output", undisturbed, "--workers", 1)
    assert outcome.code == 0, outcome.err
    return arguments, rows_by_key(undisturbed)


def start(*arguments: object, ledger) -> subprocess.Popen:
    """Start the command and return once its journal has a file."""
    running = subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(ledger.glob("journal/*/*.parquet")):
        assert running.poll() is None, "the run ended before it was disturbed"
        time.sleep(0.01)
    return running


def assert_equal(found: dict[str, dict], expected: dict[str, dict]) -> None:
    assert found.keys() == expected.keys()
    for key, row in found.items():
        assert row["musiq_tiny"] == pytest.approx(expected[key]["musiq_tiny"], abs=1e-5)
        assert row["sha256"] == expected[key]["sha256"]


def test_a_killed_run_resumes_from_its_journal(large_job, tmp_path):
    arguments, expected = large_job
    ledger = tmp_path / "ledger"
    running = start(*arguments, "--output", ledger, "--workers", 1, ledger=ledger)
    running.kill()
    running.communicate()
    assert not (ledger / "_delta_log").exists()
    journalled = sum(
        pq.read_metadata(file).num_rows for file in ledger.glob("journal/*/*.parquet")
    )

    outcome = run_here(*arguments, "--output", ledger, "--workers", 1)
    assert outcome.code == 0, outcome.err
    counts = manifest_of(ledger)["counts"]
    assert counts["carried_over"] >= journalled >= 200
    assert counts["carried_over"] + counts["scored"] == counts["listed"] == 900
    assert list(ledger.glob("journal/*/*")) == []
    assert_equal(rows_by_key(ledger), expected)
    assert run_here("verify", "--ledger", ledger).code == 0


def test_a_job_survives_the_death_of_a_worker(large_job, tmp_path):
    arguments, expected = large_job
    ledger = tmp_path / "ledger"
    running = start(*arguments, "--output", ledger, "--workers", 2, ledger=ledger)
    family = psutil.Process(running.pid).children(recursive=True)
    workers = [p for p in family if p.cmdline()[1:] == ["-m", WORKER_MODULE]]
    assert len(workers) == 2
    workers[0].kill()
    _, err = running.communicate()
    assert running.returncode == 0, err
    assert "a worker process died; the job goes on from its journal (restart 1" in err
    assert manifest_of(ledger)["counts"]["carried_over"] >= 200
    assert_equal(rows_by_key(ledger), expected)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_run_says_so_and_leaves_nothing_running(
    large_job, tmp_path, workers
):
    arguments, _ = large_job
    ledger = tmp_path / "ledger"
    running = start(*arguments, "--output", ledger, "--workers", workers, ledger=ledger)
    family = psutil.Process(running.pid).children(recursive=True)
    running.terminate()
    _, err = running.communicate()
    assert running.returncode == 1
    *progress, line = err.splitlines()
    assert "interrupted; nothing was published" in line
    assert all("images done" in p or p == "listing inputs" for p in progress), err
    assert not (ledger / "_delta_log").exists()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []


def test_journals_of_other_models_and_settings_are_not_used(job, tmp_path):
    photos, ledger = tmp_path / "photos", tmp_path / "ledger"
    for index in range(200):
        os.makedirs(photos / "pages", exist_ok=True)
        (photos / "pages" / f"{index}.jpg").write_bytes(b"<html>")
    outcome = run_here(
        *("score", "--input", photos, "--output", ledger, "--workers", 1),
        *("--model", tmp_path / "tiny.safetensors"),
    )
    assert outcome.code == 3
    assert len(list(ledger.glob("journal/*/*.parquet"))) >= 1
    shutil.rmtree(photos / "pages")
    assert job("--orientation=ignore")["carried_over"] == 0
    assert job()["carried_over"] == 6
    assert not list(ledger.glob("journal/*/*.parquet"))


def test_vanished_rows_are_marked_until_they_come_back_or_are_dropped(job, tmp_path):
    """Files that were renamed have another change time, so their content decides."""
    photos, ledger, away = tmp_path / "photos", tmp_path / "ledger", tmp_path / "away"
    (photos / "page.jpg").write_bytes(b"<html>")
    anew = {"generation": None}
    job("--vanished=mark", "--rows_per_shard=1")
    before = rows_by_key(ledger)
    assert {row["vanished"] for row in before.values()} == {False}

    photos.rename(away)
    photos.mkdir()
    (away / "image-000.png").rename(photos / "image-000.png")
    counts = job("--vanished=mark", "--rows_per_shard=1", "--verify_content")
    assert counts == {"carried_over": 1, "scored": 0, "failed": 0, "listed": 1}
    assert manifest_of(ledger)["counts"]["vanished"] == 6
    for key, row in rows_by_key(ledger).items():
        is_here = key == "image-000.png"
        assert row | anew == before[key] | anew | {"vanished": not is_here}
        assert (row["generation"] == before[key]["generation"]) != is_here
    assert run_here("verify", "--ledger", ledger).code == 0

    (away / "image-001.png").rename(photos / "image-001.png")
    (photos / "image-002.png").write_bytes(encoded(noise(60, 60)))
    counts = job("--vanished=mark", "--rows_per_shard=1", "--verify_content")
    assert counts == {"carried_over": 2, "scored": 1, "failed": 0, "listed": 3}
    after = rows_by_key(ledger)
    assert {key for key, row in after.items() if row["vanished"]} == {
        *("image-003.png", "image-004.png", "image-005.png", "page.jpg")
    }
    assert after["image-001.png"] | anew == before["image-001.png"] | anew

    outcome = run_here(
        *("score", "--input", photos, "--output", ledger, "--workers", 1, "--json"),
        *("--model", tmp_path / "tiny.safetensors", "--vanished", "drop"),
    )
    counts = outcome.summary["counts"]
    assert (counts["vanished"], counts["dropped"]) == (0, 4)
    assert rows_by_key(ledger).keys() == {path.name for path in photos.iterdir()}


def test_what_is_scored_anew_cannot_mark_vanished_rows_and_says_so(job, tmp_path):
    job()
    (tmp_path / "photos" / "image-000.png").unlink()
    outcome = run_here(
        *("score", "--input", tmp_path / "photos", "--output", tmp_path / "ledger"),
        *("--model", tmp_path / "tiny.safetensors", "--workers", 1),
        *("--vanished=mark", "--rescore"),
    )
    assert outcome.code == 0, outcome.err
    assert "vanished inputs cannot be marked: they are dropped" in outcome.err
    rows = rows_by_key(tmp_path / "ledger")
    assert [row["vanished"] for row in rows.values()] == [False] * 5
