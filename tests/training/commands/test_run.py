import json
import shutil

import jax
import numpy as np
import pytest
from helpers.golden_models import published_npz
from helpers.pod import trace
from helpers.run_training import run_training_here
from helpers.tiny_models import tiny_model_file
from helpers.training_shards import noise_examples, write_shards

from musiq_core.config import published_config
from musiq_core.model_files.model_file import read_model_file
from schemas.errors import UsageError
from schemas.model_versions import version_name
from training.builtin.graded_model import CONFIG as GRADED
from training.experiments import load_experiment
from training.experiments.run_folder import read_run
from training.learning.task import ScoreTask
from training.models.initial_parameters import read_initial_parameters
from training.running.checkpoints import restore_parameters


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_shards(folder, noise_examples(16))
    return folder


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """The folder of a run of the tiny experiment: four steps."""
    output = tmp_path_factory.mktemp("finished") / "run"
    done = run_training_here(*run_of(data, output), "--log-every-steps", 1)
    assert done.code == 0, done.err
    return output


def run_of(data, output, *rest) -> list:
    where = ["--data", data, "--output", output]
    return ["run", "--experiment", "tiny", *where, *rest]


def test_a_run_leaves_its_numbers_its_parameters_and_what_it_is(finished):
    assert sorted(trace(finished)) == [1, 2, 3, 4]
    run = read_run(str(finished))
    assert (run.experiment, run.dataset) == (load_experiment("tiny"), "rated")
    parameters = restore_parameters(str(finished))
    assert all(np.isfinite(array).all() for array in parameters.values())


def test_the_same_command_again_changes_nothing(finished, data):
    before = {p: p.read_bytes() for p in finished.rglob("*") if p.is_file()}
    assert run_training_here(*run_of(data, finished)).code == 0
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_run_of_ours_can_be_started_from(finished):
    body = read_initial_parameters(str(finished), load_experiment("tiny").model)
    trained = restore_parameters(str(finished))
    assert body is not None
    assert trained.keys() - body.keys() == {"head/kernel", "head/bias"}
    for name, array in body.items():
        np.testing.assert_array_equal(array, trained[name])


def test_a_model_file_can_be_started_from_by_every_name_that_score_takes(tmp_path):
    model = read_model_file(tiny_model_file())
    folder = tmp_path / "models" / "tiny"
    folder.mkdir(parents=True)
    (folder / version_name(1)).write_bytes(tiny_model_file())
    for name in (folder / version_name(1), f"{folder}@1", f"{folder}@latest"):
        body = read_initial_parameters(str(name), model.config)
        assert body is not None
        assert model.parameters.keys() - body.keys() == {"head/kernel", "head/bias"}
        for parameter, array in body.items():
            np.testing.assert_array_equal(array, model.parameters[parameter])
    builtin = read_initial_parameters("builtin", GRADED)
    assert builtin is not None
    assert not any(parameter.startswith("head/") for parameter in builtin)


def test_the_published_pretraining_loses_its_head(tmp_path):
    file = tmp_path / "imagenet_pretrain.npz"
    file.write_bytes(published_npz("multi_10"))
    body = read_initial_parameters(str(file), published_config(output_count=1))
    assert body is not None
    assert not any(name.startswith("head/") for name in body)
    assert body["Transformer/scaleembed_input/scale_embedding"].shape == (1, 3, 384)
    single = read_initial_parameters(str(file), published_config(scales=()))
    assert single is not None
    for name, array in single.items():
        # The native size is the last scale.
        expected = body[name][:, -1:] if "scale_embedding" in name else body[name]
        np.testing.assert_array_equal(array, expected)


def test_the_head_starts_at_0():
    tiny = load_experiment("tiny")
    task = ScoreTask(model=tiny.model, loss_name=tiny.loss)
    head = jax.jit(lambda key: task.init(key)["head"])(jax.random.key(0))
    assert not head["kernel"].any()
    assert not head["bias"].any()


def test_a_checkpoint_of_another_architecture_is_refused(finished):
    with pytest.raises(UsageError, match=r"of another architecture: .*hidden_size is"):
        read_initial_parameters(str(finished), published_config())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--set", "batch_sise=4"],
            "unknown name 'batch_sise', did you mean batch_size?",
        ),
        (["--set", "batch_size=many"], "--set batch_size=many: must be a whole number"),
        (["--set", "loss=huge"], "loss must be one of"),
        (["--set", "init=nowhere.npz"], "init nowhere.npz does not exist; fetch"),
        (["--set", "init=nowhere"], "nowhere: No such file or directory"),
        (["--set", "init=nowhere@latest"], "no model is published in"),
        (["--set", "init=builtin"], "init builtin is of another architecture"),
        (["--set", "split=validation"], "'validation' of rated does not exist"),
        (
            ["--set", "optimizer.warmup_steps=99"],
            "warmup_steps (99) must be fewer than",
        ),
        (
            ["--set", "model.output_count=5", "--set", "loss=cross_entropy"],
            "the labels of rated are of the kind score, loss cross_entropy takes class",
        ),
        (["--fsdp_devices", 7], "--fsdp_devices 7 does not divide the"),
        (["--ouput", "x"], "unknown flag --ouput, did you mean --output?"),
        (["--checkpoint_every", 3], "unknown flag --checkpoint_every"),
        (["--process_count", 2], "go together, got None, 2 and None"),
        (["--log_every_steps", 0], "must be positive, got 0"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_written(
    data, tmp_path, arguments, message
):
    output = tmp_path / "run"
    done = run_training_here(*run_of(data, output, *arguments))
    assert done.code == 2
    assert message in done.error
    assert done.error.startswith("musiq-train run: error: ")
    assert not output.exists()


def test_other_arguments_that_are_wrong(data, finished, tmp_path):
    def error_of(*arguments) -> str:
        done = run_training_here(*arguments)
        assert done.code == 2
        return done.error

    where = ["--data", data, "--output", tmp_path / "x"]
    assert "did you mean tiny?" in error_of("run", "--experiment", "tini", *where)
    assert "no prepared data set" in error_of(*run_of(tmp_path, tmp_path / "x"))
    other = error_of(*run_of(data, finished, "--set", "seed=3"))
    assert "belongs to another run, which differs in experiment.seed;" in other
    (tmp_path / "file").write_text("x")
    assert "is a file" in error_of(*run_of(data, tmp_path / "file"))
    assert "has files but no experiment.json" in error_of(*run_of(data, tmp_path))


def test_other_data_is_told_from_the_runs_own(data, finished, tmp_path):
    other = tmp_path / "data"
    write_shards(other, noise_examples(24))
    done = run_training_here(*run_of(other, finished))
    assert done.code == 2
    assert "differs in dataset_sha256" in done.error


def test_a_damaged_description_of_a_run_is_told(finished, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(finished, copy)
    fields = json.loads((copy / "experiment.json").read_text())
    for text in ("{", json.dumps(fields | {"extra": 1})):
        (copy / "experiment.json").write_text(text)
        with pytest.raises(UsageError, match=r"experiment\.json cannot be read"):
            read_run(str(copy))


def test_a_run_that_diverges_ends_with_1(data, tmp_path):
    settings = ["--set", "optimizer.learning_rate=1e38", "--log_every_steps", 1]
    settings += ["--set", "optimizer.clip_norm=none"]
    done = run_training_here(*run_of(data, tmp_path / "run", *settings))
    assert done.code == 1
    assert "of step" in done.err.splitlines()[-1]
