"""Evaluation against the scorer that pipelines use, and against SciPy."""

import dataclasses
import json
import math

import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.stats
from helpers.rated_photos import photos, write_rated_photos
from helpers.run_training import run_training, run_training_here
from helpers.tiny_models import TINY, tiny_model_file

from musiq_core.config import DEFAULT_DECODING
from musiq_core.images.decode import decode_image
from musiq_core.images.patches import extract_patches
from musiq_core.model_files.model_file import read_model_file, write_model_file
from musiq_core.programs.packed.scorer import PackedScorer

MODEL = dataclasses.replace(TINY, layer_count=1)
TEST = 23  # prime, so that no number of processes or images of a step divides it


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    path.write_bytes(tiny_model_file(MODEL))
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "rated"
    write_rated_photos(folder, test=TEST)
    return folder


def read(path) -> dict[str, list]:
    return pq.read_table(path).to_pydict()


@pytest.fixture(scope="module")
def alone(model_file, data, tmp_path_factory):
    """What the command tells, and the predictions that it writes."""
    path = tmp_path_factory.mktemp("alone") / "predictions.parquet"
    outcome = run_training_here(
        *("evaluate", "--model", model_file, "--data", data),
        *("--predictions", path, "--batch_size", 4, "--json"),
    )
    assert outcome.code == 0, outcome.err
    return outcome.summary, read(path)


def test_predictions_are_what_pipelines_score(alone):
    _, predictions = alone
    scorer = PackedScorer(read_model_file(tiny_model_file(MODEL)))
    files = photos(8 + TEST)[8:]
    assert predictions["name"] == [f"{index:04}.png" for index in range(8, 8 + TEST)]
    for index, file in enumerate(files):
        pixels = decode_image(file, DEFAULT_DECODING).pixels
        [score] = scorer.score([extract_patches(pixels, MODEL.preprocessing)])
        assert predictions["prediction"][index] == pytest.approx(score.value, abs=1e-5)
        assert predictions["distribution"][index] == pytest.approx(
            score.distribution, abs=1e-5
        )


def test_the_figures_are_those_of_the_plain_list(alone):
    summary, predictions = alone
    x, y = predictions["prediction"], predictions["label"]
    assert len(x) == summary["examples"] == TEST
    assert summary["srcc"] == pytest.approx(scipy.stats.spearmanr(x, y)[0], abs=1e-12)
    assert summary["plcc"] == pytest.approx(scipy.stats.pearsonr(x, y)[0], abs=1e-12)
    rmse = math.sqrt(np.mean((np.array(x) - y) ** 2))
    assert summary["rmse"] == pytest.approx(rmse, abs=1e-9)
    assert summary["score_quantiles"]["1.0"] == max(x)
    assert summary["split"] == "test"


@pytest.mark.training
@pytest.mark.parametrize(("processes", "devices"), [(2, 1), (2, 2), (4, 1)])
def test_the_numbers_do_not_depend_on_how_many_processes_there_are(
    alone, model_file, data, tmp_path, processes, devices
):
    summary, predictions = alone
    path = tmp_path / "predictions.parquet"
    first, *others = run_training(
        *("evaluate", "--model", model_file, "--data", data),
        *("--predictions", path, "--batch_size", 4, "--json"),
        processes=processes,
        devices=devices,
    )
    assert first.code == 0, first.err
    assert all((one.code, one.out) == (0, "") for one in others)
    found = read(path)
    assert found["name"] == predictions["name"]
    assert found["label"] == predictions["label"]
    # Every process computes smaller batches, and float32 sums differ with their size.
    np.testing.assert_allclose(
        found["prediction"], predictions["prediction"], atol=1e-5
    )
    x, y = found["prediction"], found["label"]
    assert first.summary["srcc"] == pytest.approx(
        scipy.stats.spearmanr(x, y)[0], abs=1e-12
    )
    assert first.summary["plcc"] == pytest.approx(
        scipy.stats.pearsonr(x, y)[0], abs=1e-12
    )
    for name in ("srcc", "plcc", "rmse", "srcc_interval", "plcc_interval"):
        assert first.summary[name] == pytest.approx(summary[name], abs=1e-5)


def test_ratings_on_both_sides_have_emd_and_groups_are_told(tmp_path, model_file):
    write_rated_photos(tmp_path / "data", train=2, test=6, ratings=5, per_group=2)
    outcome = run_training_here(
        *("evaluate", "--model", model_file, "--data", tmp_path / "data"),
        *("--predictions", tmp_path / "found.parquet", "--json"),
    )
    assert outcome.code == 0, outcome.err
    assert outcome.summary["groups"] == 3
    found = read(tmp_path / "found.parquet")
    cumulated = np.cumsum(
        np.array(found["distribution"]) - np.array(found["label_distribution"]), axis=1
    )
    emd = np.mean(np.sqrt(np.mean(cumulated**2, axis=1)))
    assert outcome.summary["emd"] == pytest.approx(emd, abs=1e-9)
    assert "accuracy_at_5" not in outcome.summary


def test_runs_are_numbered_and_averaged(tmp_path, model_file):
    for number in range(2):
        write_rated_photos(tmp_path / f"data-{number}", test=5, seed=number)
        target = tmp_path / f"model-{number}.safetensors"
        target.write_bytes(model_file.read_bytes())
    outcome = run_training_here(
        *("evaluate", "--runs", 2, "--model", tmp_path / "model-{run}.safetensors"),
        *("--data", tmp_path / "data-{run}", "--json"),
        *("--predictions", tmp_path / "found-{run}.parquet"),
    )
    assert outcome.code == 0, outcome.err
    values = []
    for number in range(2):
        found = read(tmp_path / f"found-{number}.parquet")
        values.append(scipy.stats.spearmanr(found["prediction"], found["label"])[0])
    assert outcome.summary["mean"]["srcc"] == pytest.approx(np.mean(values))
    assert outcome.summary["std"]["srcc"] == pytest.approx(np.std(values, ddof=1))


def bad_model(tmp_path):
    model = read_model_file(tiny_model_file(MODEL))
    bias = np.full_like(model.parameters["head/bias"], np.nan)
    path = tmp_path / "bad.safetensors"
    path.write_bytes(
        write_model_file(
            model.parameters | {"head/bias": bias},
            MODEL,
            name="bad",
            score_range=(1, 5),
            higher_is_better=True,
            training_data="none",
            licence="none",
            source="made by hand",
        )
    )
    return path


def test_what_cannot_be_evaluated_is_refused_in_one_line(tmp_path, model_file, data):
    def error_of(*arguments) -> str:
        outcome = run_training_here("evaluate", *arguments)
        assert outcome.code == 2
        assert outcome.out == ""
        return outcome.error

    model, on_data = ("--model", model_file), ("--data", data)
    assert "one of the arguments --run --model" in error_of(*on_data)
    assert "not the output of `musiq-train run`" in error_of("--run", data, *on_data)
    absent = tmp_path / "absent"
    assert f"cannot read {absent}: No such file" in error_of(
        "--model", absent, *on_data
    )
    (tmp_path / "cut").write_bytes(model_file.read_bytes()[:-1])
    assert "the file is damaged" in error_of("--model", tmp_path / "cut", *on_data)
    assert "no model is published in" in error_of(
        "--model", f"{absent}@latest", *on_data
    )
    assert "http:// is not" in error_of("--model", "http://b/x.safetensors", *on_data)
    assert "is no prepared data set" in error_of(*model, "--data", tmp_path)
    assert "'validation'" in error_of(*model, *on_data, "--split", "validation")
    assert "no steps" in error_of(*model, *on_data, "--step", 5)
    assert "is the same for all runs; write {run}" in error_of(
        *model, *on_data, "--runs", 10
    )
    assert "prediction for '0008.png' is not a finite number" in error_of(
        "--model", bad_model(tmp_path), *on_data
    )
    below_a_file = tmp_path / "cut" / "found.parquet"
    assert f"cannot write {below_a_file}: " in error_of(
        *model, *on_data, "--predictions", below_a_file
    )


def test_classes_are_no_scores(tmp_path, model_file):
    folder = tmp_path / "classes"
    write_rated_photos(folder, train=1, test=2, shard_count=1)
    card = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps(card | {"label_kind": "class"}))
    outcome = run_training_here("evaluate", "--model", model_file, "--data", folder)
    assert outcome.code == 2
    assert "the labels of rated are classes" in outcome.error
