"""From training on a pod to a ledger, through the commands alone."""

import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from helpers.local_server import environment
from helpers.rated_photos import photos, write_rated_photos
from helpers.run_musiq import ROOT, manifest_of, rows_by_key, run_musiq
from helpers.run_training import run_training, run_training_here

from musiq_core.model_files.model_file import read_model_file, write_model_file
from pipelines.storage import storage_for
from schemas.model_versions import version_name
from training.experiments import load_experiment
from training.models.initial_parameters import read_initial_parameters

pytestmark = pytest.mark.training

TRAIN, TEST = 40, 13
# What a scoring worker does not need, and `training` itself.
REFUSED = ("tensorflow", "orbax", "optax", "tensorboard", "array_record", "training")
_REFUSE = f"""
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {REFUSED}:
            raise ImportError(f"{{name}} must not be needed here")

sys.meta_path.insert(0, Refuse())
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "rated"
    write_rated_photos(folder, train=TRAIN, test=TEST)
    return folder


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """A run of five steps on 2 x 4 devices, each with a quarter of the parameters."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    outcomes = run_training(
        *("run", "--experiment", "tiny", "--data", data, "--output", folder),
        *("--set", "batch_size=8", "--set", "epochs=1"),
        *("--set", "optimizer.learning_rate=0.01", "--fsdp_devices", 4),
        processes=2,
        devices=4,
    )
    for outcome in outcomes:
        assert outcome.code == 0, outcome.err
    return folder


@pytest.fixture(scope="module")
def evaluated(trained, data, tmp_path_factory):
    """What the trainer says of the test photos by name."""
    path = tmp_path_factory.mktemp("evaluated") / "predictions.parquet"
    outcome = run_training_here(
        *("evaluate", "--run", trained, "--data", data, "--predictions", path),
        "--json",
    )
    assert outcome.code == 0, outcome.err
    rows = pq.read_table(path).to_pylist()
    return outcome.summary, {row["name"]: row["prediction"] for row in rows}


@pytest.fixture
def publish(trained, data):
    """The command, with other or more arguments."""

    def run(output, *arguments, name: str = "tiny", of=data):
        return run_training_here(
            *("publish", "--run", trained, "--data", of),
            *("--output", output, "--name", name, *arguments),
        )

    return run


def test_a_run_is_scored_as_evaluated_where_there_is_no_training_stack(
    publish, evaluated, tmp_path
):
    summary, expected = evaluated
    assert max(expected.values()) - min(expected.values()) > 1e-3
    told = publish(tmp_path / "models", "--json").summary
    assert told["uri"] == str(tmp_path / "models" / "tiny" / version_name(1))
    assert told["evaluation"]["srcc"] == pytest.approx(summary["srcc"], abs=1e-9)

    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(_REFUSE)
    bare = {"PYTHONPATH": f"{tmp_path / 'hook'}:{ROOT}"}
    for module in REFUSED:
        command = [sys.executable, "-c", f"import {module}"]
        refused = subprocess.run(command, env=os.environ | bare, capture_output=True)
        assert b"must not be needed here" in refused.stderr
    (tmp_path / "photos").mkdir()
    for index, file in enumerate(photos(TRAIN + TEST)[TRAIN:], TRAIN):
        (tmp_path / "photos" / f"{index:04}.png").write_bytes(file)
    outcome = run_musiq(
        *("score", "--input", tmp_path / "photos", "--output", tmp_path / "ledger"),
        *("--model", f"{tmp_path}/models/tiny@latest", "--workers", 2, "--json"),
        env=bare,
    )
    assert outcome.code == 0, outcome.err
    model = manifest_of(tmp_path / "ledger")["models"]["tiny"]
    assert (model["uri"], model["digest"]) == (told["uri"], told["digest"])
    rows = rows_by_key(tmp_path / "ledger")
    assert rows.keys() == expected.keys()
    for name, row in rows.items():
        assert row["musiq_tiny"] == pytest.approx(expected[name], abs=1e-5)


def test_a_damaged_version_is_refused_before_the_first_photo(publish, tmp_path):
    told = publish(tmp_path / "models", "--json").summary
    path = tmp_path / "models" / "tiny" / version_name(1)
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    outcome = run_musiq(
        *("score", "--input", tmp_path, "--output", tmp_path.parent / "ledger"),
        *("--model", f"{tmp_path}/models/tiny@1"),
    )
    assert outcome.code == 2
    assert f"promises SHA-256 {told['digest']}" in outcome.error


def test_a_worse_model_is_refused_by_exit_code_1_and_one_line(
    publish, evaluated, tmp_path
):
    summary, _ = evaluated
    models = tmp_path / "models"
    assert publish(models).code == 0
    again = publish(models)
    assert again.code == 0
    assert "published already" in again.out

    first = read_model_file((models / "tiny" / version_name(1)).read_bytes())
    told = {name: getattr(first.card, name) for name in ("licence", "training_data")}
    better = write_model_file(
        first.parameters,
        first.config,
        name="tiny",
        score_range=(0, 100),
        higher_is_better=True,
        source="a better run",
        evaluation=first.card.evaluation | {"srcc": 1.0},
        **told,
    )
    (models / "tiny" / version_name(2)).write_bytes(better)
    outcome = publish(models)
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.error.startswith("musiq-train publish: error: the model is worse")
    assert f"SRCC {summary['srcc']:.4f} against 1.0000" in outcome.error
    assert len(list((models / "tiny").iterdir())) == 2
    assert publish(models, "--force").code == 0
    assert (models / "tiny" / version_name(3)).exists()


def test_the_card_says_where_the_parameters_come_from(publish, trained, tmp_path):
    publish(tmp_path, "--licence", "CC BY 4.0", name="other")
    data = (tmp_path / "other" / version_name(1)).read_bytes()
    card = read_model_file(data).card
    assert card.name == "other"
    assert card.licence == "CC BY 4.0; Generated photos: CC0"
    assert card.training_data == (
        "Generated photos, 40 examples of its split train (by position)"
    )
    assert "experiment tiny" in card.source
    assert "step 5" in card.source
    assert card.score_range == (0, 100)


@pytest.mark.parametrize("name", ["gcs", "s3"])
def test_a_version_is_published_to_a_bucket_measured_and_trained_further(
    publish, data, request, name, tmp_path
):
    store = request.getfixturevalue(name)
    models = f"{store.uri}/{tmp_path.name}"
    with environment(store.env):
        outcome = publish(models, "--json")
        assert outcome.code == 0, outcome.err
        uri = f"{models}/tiny/{version_name(1)}"
        assert outcome.summary["uri"] == uri
        with storage_for(uri).open_read(uri) as file:
            assert read_model_file(file.read()).digest == outcome.summary["digest"]
        assert "published already" in publish(models).out

        measured = run_training_here(
            *("evaluate", "--model", f"{models}/tiny@latest", "--data", data, "--json")
        )
        assert measured.code == 0, measured.err
        srcc = outcome.summary["evaluation"]["srcc"]
        assert measured.summary["srcc"] == pytest.approx(srcc, abs=1e-9)
        body = read_initial_parameters(
            f"{models}/tiny@1", load_experiment("tiny").model
        )
        assert body is not None
        assert not any(parameter.startswith("head/") for parameter in body)


def test_what_cannot_be_published_is_refused_in_one_line(publish, data, tmp_path):
    def error_of(*arguments, output=tmp_path / "models", **others) -> str:
        outcome = publish(output, *arguments, **others)
        assert outcome.code == 2
        assert outcome.out == ""
        assert not (tmp_path / "models").exists()
        return outcome.error

    assert "must consist of a-z" in error_of(name="KonIQ")
    assert "was trained on these examples" in error_of("--split", "train")
    assert "no checkpoint of step 3" in error_of("--step", 3)
    assert "http:// is not" in error_of(output="http://b")
    assert "is a file" in error_of(output=data / "dataset.json")
    write_rated_photos(tmp_path / "other", seed=9)
    assert "is not what" in error_of(of=tmp_path / "other")
