"""A job in slices publishes, to the byte, what the same job in one graph does."""

import csv
import dataclasses
import datetime
import os

import pytest
from helpers.make_images import write_images
from helpers.make_shards import small_images, tar_of
from helpers.run_musiq import commits_of, manifest_of, run_here
from helpers.tiny_models import tiny_model_file

from pipelines.scoring import command, score
from pipelines.scoring.slices import graphs, stages
from schemas.manifest import CountsError

pytestmark = pytest.mark.usefixtures("models_loaded_once")

STARTED_AT = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
TOLD = "so the job goes on in slices"
IN_ONE = 1_000_000
PARTS = 16


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that runs into the ledger of a name, in slices of so many images.

    Runs of one version are called alike, and images are scored one by one: then the
    same rows are the same bytes.
    """
    model = tmp_path / "model.safetensors"
    model.write_bytes(tiny_model_file())
    start, score_batch = command.start_run, score.score_batch

    def start_alike(config, **options):
        run = start(config, **options)
        return dataclasses.replace(run, id=f"run-{run.version}", started_at=STARTED_AT)

    def score_singly(batch, scorers, started=None):
        return [row for image in batch for row in score_batch([image], scorers)]

    monkeypatch.setattr(command, "start_run", start_alike)
    monkeypatch.setattr(score, "score_batch", score_singly)
    monkeypatch.setattr(stages, "PARTS_OF_MANY", PARTS)

    def run(name, *arguments, refs_at_once):
        monkeypatch.setattr(command, "REFS_AT_ONCE", refs_at_once)
        monkeypatch.setattr(command, "IMAGES_PER_SLICE", refs_at_once)
        return run_here(
            *("score", "--output", tmp_path / name, "--model", model),
            *("--workers", 1, "--json", "--rows_per_shard", 2, *arguments),
        )

    return run


@pytest.fixture
def night(run, tmp_path):
    """A function that runs whole and in slices, compares, and returns what is new."""

    def night(*arguments, refs_at_once=6):
        whole = run("whole", *arguments, refs_at_once=IN_ONE)
        sliced = run("sliced", *arguments, refs_at_once=refs_at_once)
        assert (whole.code, sliced.code) == (0, 0), whole.err + sliced.err
        assert (TOLD in whole.err, TOLD in sliced.err) == (False, True)
        expected, found = (manifest_of(tmp_path / name) for name in ("whole", "sliced"))
        for told in (expected, found):
            told["asked"].pop("output")
        assert found == expected
        assert not list((tmp_path / "sliced").glob("journal/*/*"))
        return found

    return night


def write_list(path, names):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["uri", "album"])
        writer.writerows([name, f"album {place}"] for place, name in enumerate(names))


def test_three_nights_are_those_of_one_graph(night, run, tmp_path):
    photos = tmp_path / "photos"
    write_images(photos, 8)
    names = sorted(path.name for path in photos.iterdir())
    tar = tmp_path / "more.tar"
    tar.write_bytes(
        tar_of((f"{n}.png", image) for n, image in enumerate(small_images(3)))
    )
    listed = photos / "list.csv"
    write_list(listed, [*names, names[0], "absent.png"])
    inputs = ["--input", listed, "--input", tar, "--input", photos]

    first = night(*inputs)
    counts = first["counts"]
    assert (counts["listed"], counts["duplicates"], counts["failed"]) == (12, 9, 1)

    os.unlink(photos / names[1])
    (photos / names[2]).write_bytes((photos / names[3]).read_bytes())
    write_list(listed, [names[0], *names[2:]])
    limits = ["--vanished", "mark", "--verify_content"]
    second = night(*inputs, *limits)
    counts = second["counts"]
    assert (counts["scored"], counts["carried_over"], counts["vanished"]) == (1, 9, 2)

    third = run("sliced", *inputs, *limits, refs_at_once=6)
    assert third.summary["counts"]["carried_over"] == 10
    assert manifest_of(tmp_path / "sliced")["files"] == second["files"]


@pytest.mark.slow
@pytest.mark.parametrize("flag", ["--sample", "--limit"])
def test_a_subset_is_the_same(night, tmp_path, flag):
    for folder in ("a", "b"):
        write_images(tmp_path / folder, 4)
    inputs = ("--input", tmp_path / "a", "--input", tmp_path / "b")
    found = night(*inputs, flag, 3, refs_at_once=4)
    assert found["counts"]["listed"] == 3


def test_guards_hold_before_anything_is_scored(run, tmp_path):
    photos = tmp_path / "photos"
    write_images(photos, 24)
    assert run("ledger", "--input", photos, refs_at_once=IN_ONE).code == 0
    for path in sorted(photos.iterdir())[:6]:
        path.unlink()
    refused = run("ledger", "--input", photos, refs_at_once=8)
    assert refused.code == 3
    assert refused.summary["error"]["class"] == "VanishedError"
    assert "6 of the 24 photos" in refused.err.splitlines()[-1]


def test_a_slice_that_fails_is_repeated_alone_and_goes_on_from_its_journal(
    run, tmp_path, monkeypatch
):
    write_images(tmp_path / "photos", 8)
    once, keep_written = tmp_path / "once", graphs.keep_written
    once.touch()

    def keep_second_time(one, summaries, *, to):
        if one.number == 2 and once.exists():
            once.unlink()
            raise CountsError("rows were lost")
        keep_written(one, summaries, to=to)

    monkeypatch.setattr(graphs, "keep_written", keep_second_time)
    found = run("ledger", "--input", tmp_path / "photos", refs_at_once=4)
    assert found.code == 0, found.err
    [told] = [line for line in found.err.splitlines() if "goes on from" in line]
    assert told == (
        "musiq score: the engine lost some of its data; the job goes on from the "
        "journal of slice 2 of 2 (restart 1 of 3)"
    )
    counts = found.summary["counts"]
    assert counts["scored"] + counts["carried_over"] == 8
    assert 0 < counts["carried_over"] < 8


@pytest.mark.slow
def test_what_is_stopped_between_slices_publishes_nothing_and_is_gone_on_with(
    run, tmp_path, monkeypatch
):
    write_images(tmp_path / "photos", 8)
    score_slice = stages.score_slice

    def stop_before_second(pipeline, run, *, decided, one, to):
        if one.number == 2:
            raise KeyboardInterrupt
        score_slice(pipeline, run, decided=decided, one=one, to=to)

    with monkeypatch.context() as patch:
        patch.setattr(stages, "score_slice", stop_before_second)
        stopped = run("ledger", "--input", tmp_path / "photos", refs_at_once=4)
    assert stopped.code == 1
    assert stopped.err.splitlines()[-1].startswith("musiq score: interrupted; nothing")
    assert not commits_of(tmp_path / "ledger")

    again = run("ledger", "--input", tmp_path / "photos", refs_at_once=4)
    assert again.code == 0, again.err
    counts = again.summary["counts"]
    assert counts["scored"] + counts["carried_over"] == 8
    assert 0 < counts["carried_over"] < 8
    assert not list((tmp_path / "ledger").glob("journal/*/*"))
