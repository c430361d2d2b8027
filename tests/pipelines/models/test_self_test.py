"""A model that does not compute what its file promises scores no photo."""

import json

import pytest
from helpers.make_images import write_images
from helpers.run_musiq import manifest_of, run_here, run_musiq
from helpers.tiny_models import TINY, random_parameters, tiny_model_file

from musiq_core.model_files.model_file import write_model_file
from musiq_core.programs.self_test import make_pictures

OFF_BY = 0.01


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    write_images(folder, 8)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Three files with right digests: right, wrong and no promised scores."""
    folder = tmp_path_factory.mktemp("models")
    files = {
        "right": tiny_model_file(),
        "wrong": tiny_model_file(self_test_off_by=OFF_BY),
        "bare": write_model_file(
            random_parameters(TINY),
            TINY,
            name="bare",
            score_range=(1, 5),
            higher_is_better=True,
            training_data="none",
            licence="none",
            source="made by hand",
        ),
    }
    for name, data in files.items():
        (folder / f"{name}.safetensors").write_bytes(data)
    return folder


@pytest.mark.parametrize("workers", [1, 2])
def test_a_model_that_fails_its_self_test_stops_the_run_before_the_first_image(
    models, photos, tmp_path, workers
):
    wrong = models / "wrong.safetensors"
    outcome = run_musiq(
        *("score", "--input", photos, "--output", tmp_path / "ledger"),
        *("--model", models / "right.safetensors", "--model", f"other={wrong}"),
        *("--workers", workers),
    )
    assert outcome.code == 1
    assert outcome.out == ""
    line = outcome.err.splitlines()[-1]
    assert line.startswith(
        f"musiq score: error: model file {wrong} fails its self-test: picture 'noise' "
    )
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "ledger" / "_delta_log").exists()
    assert not list((tmp_path / "ledger").rglob("*.parquet"))


def test_a_file_without_a_self_test_is_used_and_inspect_says_so(
    models, photos, tmp_path
):
    bare = models / "bare.safetensors"
    outcome = run_here(
        *("score", "--input", photos, "--output", tmp_path / "ledger"),
        *("--model", bare, "--workers", 1),
    )
    assert outcome.code == 0, outcome.err
    assert manifest_of(tmp_path / "ledger")["counts"]["scored"] == 8
    assert "no self-test" in run_here("models", "inspect", bare).out


def test_inspect_tells_of_the_pictures(models):
    right = models / "right.safetensors"
    assert "8 pictures with scores of 3." in run_here("models", "inspect", right).out
    facts = json.loads(run_here("models", "inspect", right, "--json").out)
    assert facts["self_test"].keys() == make_pictures().keys()


def test_the_work_of_the_self_test_is_not_counted(models, photos, tmp_path):
    def tokens(name: str) -> tuple[int, int]:
        outcome = run_here(
            *("score", "--input", photos, "--output", tmp_path / name),
            *("--model", models / f"{name}.safetensors", "--workers", 1, "--json"),
        )
        return outcome.summary["tokens"], outcome.summary["computed_tokens"]

    assert tokens("right") == tokens("bare")
