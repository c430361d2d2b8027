"""Nights that would spoil a ledger: exit 3, one line, nothing published."""

import os
import shutil

import pytest
from helpers.make_images import encoded, noise, write_images
from helpers.make_shards import small_images, tar_of
from helpers.run_musiq import commits_of, manifest_of, rows_by_key, run_here
from helpers.tiny_models import tiny_model_file

pytestmark = pytest.mark.usefixtures("models_loaded_once")

PHOTOS = 30


@pytest.fixture
def score(tmp_path):
    """Runs the job on a folder of photos, or on another input."""
    write_images(tmp_path / "photos", PHOTOS)
    (tmp_path / "tiny.safetensors").write_bytes(tiny_model_file())

    def run(*extra, photos=tmp_path / "photos"):
        return run_here(
            *("score", "--input", photos, "--output", tmp_path / "ledger", "--json"),
            *("--model", tmp_path / "tiny.safetensors", "--workers", 1, *extra),
        )

    return run


def states(tmp_path) -> int:
    return len(commits_of(tmp_path / "ledger"))


def test_a_ledger_does_not_shrink_by_mistake_and_remembers_what_it_may(score, tmp_path):
    assert score().code == 0
    write_images(tmp_path / "others", 2)
    for extra in ([], ["--rescore"], ["--orientation", "ignore"]):
        outcome = score(*extra, photos=tmp_path / "others")
        assert outcome.code == 3
        line = outcome.err.splitlines()[-1]
        assert f"names 30 of the 30 photos of {tmp_path}/ledger, such as /" in line
        assert "If they are meant to go, run again with --max_vanished_rate 1" in line
    assert states(tmp_path) == 1
    marked = score("--vanished", "mark", photos=tmp_path / "others")
    assert marked.code == 0
    assert "their rows are kept, marked as vanished" in marked.err.splitlines()[-1]
    again = score(photos=tmp_path / "others")
    assert again.code == 0
    assert "as in the ledger's last run: --vanished mark; give it anew" in again.err
    assert again.summary["counts"]["vanished"] == PHOTOS
    dropped = score("--vanished", "drop", photos=tmp_path / "others")
    assert (dropped.code, dropped.summary["counts"]["dropped"]) == (0, PHOTOS)
    assert "vanished" not in dropped.err


def test_a_night_of_broken_photos_is_not_published_but_known_ones_are_no_news(
    score, tmp_path
):
    assert score().code == 0
    for number in range(25):
        (tmp_path / "photos" / f"new-{number}.jpg").write_bytes(b"<html>")
    outcome = score()
    assert outcome.code == 3
    assert "25 of 25 images failed (25 not_an_image)" in outcome.err.splitlines()[-1]
    assert states(tmp_path) == 1
    assert score("--max_failure_rate", 1).code == 0
    (tmp_path / "photos" / "one more.png").write_bytes(encoded(noise(30, 30)))
    usual = score("--max_failure_rate", 0.05, "--retry_failed", "all")
    assert usual.code == 0, usual.err
    assert usual.summary["counts"]["failed"] == 25


def test_a_lost_archive_weighs_as_the_images_that_it_held(score, tmp_path):
    data = tar_of((f"{n}.png", image) for n, image in enumerate(small_images(20)))
    for number in range(2):
        (tmp_path / f"{number}.tar").write_bytes(data)
    shards = tmp_path / "{0..1}.tar"
    assert score(photos=shards).code == 0
    (tmp_path / "1.tar").unlink()
    lost = score(photos=shards)
    assert lost.code == 3
    line = lost.err.splitlines()[-1]
    assert "20 of 20 images failed (20 not_found), more than --max_fail" in line
    assert line.endswith(
        f"images are taken to be lost with {tmp_path}/1.tar (not_found)"
    )
    assert states(tmp_path) == 1


def test_content_decides_where_a_disk_tells_too_little(score, tmp_path, monkeypatch):
    assert score().code == 0
    shutil.copytree(tmp_path / "photos", tmp_path / "copy")
    shutil.rmtree(tmp_path / "photos")
    shutil.copytree(tmp_path / "copy", tmp_path / "photos")
    path = tmp_path / "photos" / "image-003.png"
    time, size = path.stat().st_mtime_ns, path.stat().st_size
    path.write_bytes(b"x" * size)
    os.utime(path, ns=(time, time))
    outcome = score("--verify_content")
    assert outcome.code == 0, outcome.err
    counts = outcome.summary["counts"]
    assert (counts["carried_over"], counts["failed"]) == (PHOTOS - 1, 1)
    assert rows_by_key(tmp_path / "ledger")["image-003.png"]["status"] == "failed"
    assert manifest_of(tmp_path / "ledger")["asked"]["verify_content"]
    assert score().summary["counts"]["carried_over"] == PHOTOS
