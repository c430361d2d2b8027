"""A job in slices publishes what the same job in one graph does."""

import dataclasses
import datetime

import pytest
from helpers.make_images import write_images
from helpers.run_musiq import manifest_of, run_here
from helpers.tiny_models import tiny_model_file

from pipelines.scoring import command

pytestmark = pytest.mark.usefixtures("models_loaded_once")


@pytest.fixture
def score(tmp_path, monkeypatch):
    """A function that runs into a ledger, in slices of so many images."""
    model = tmp_path / "model.safetensors"
    model.write_bytes(tiny_model_file())
    start = command.start_run
    started_at = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)

    def start_alike(config, **options):
        run = start(config, **options)
        return dataclasses.replace(run, id=f"run-{run.version}", started_at=started_at)

    monkeypatch.setattr(command, "start_run", start_alike)

    def run(name, *arguments, refs_at_once=1_000_000):
        monkeypatch.setattr(command, "REFS_AT_ONCE", refs_at_once)
        return run_here(
            *("score", "--output", tmp_path / name, "--model", model),
            *("--workers", 1, "--json", "--rows_per_shard", 2, *arguments),
        )

    return run


def test_it_runs(score, tmp_path):
    write_images(tmp_path / "photos", 9)
    whole = score("whole", "--input", tmp_path / "photos")
    assert whole.code == 0, whole.err
    sliced = score("sliced", "--input", tmp_path / "photos", refs_at_once=4)
    assert sliced.code == 0, sliced.err
    assert "goes on in slices" in sliced.err
    assert (
        manifest_of(tmp_path / "whole")["files"]
        == manifest_of(tmp_path / "sliced")["files"]
    )
