import dataclasses
import json

import numpy as np
import pytest

from musiq_core.config import published_config
from musiq_core.network.model import parameter_shapes
from schemas.errors import UsageError
from training.experiments import NAMES, load_experiment
from training.experiments.experiment import Experiment
from training.experiments.settings import apply_settings, from_plain, to_plain

# Examples trained on, steps, learning rate, batch size and epochs.
PAPER = {
    "imagenet": (1_281_167, 93_836, 1e-3, 4096, 300),
    "koniq": (8_058, 2_519, 1e-4, 96, 30),
    "paq2piq": (30_253 * 4, 9_455, 2e-4, 128, 10),
    "spaq": (8_900, 2_086, 1e-4, 128, 30),
    "ava": (235_510, 9_200, 0.12, 512, 20),
}


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_values(name):
    examples, steps, rate, batch_size, epochs = PAPER[name]
    experiment = load_experiment(name)
    assert experiment.step_count(examples) == steps
    assert (experiment.batch_size, experiment.epochs) == (batch_size, epochs)
    schedule = experiment.optimizer.build(steps).learning_rate
    rates = np.asarray(schedule(np.arange(steps + 1)))
    assert rates.max() == pytest.approx(rate)
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    # A cosine: half of the rate is left half-way from the end of the warm-up.
    middle = (experiment.optimizer.warmup_steps + steps) / 2
    assert float(schedule(middle)) == pytest.approx(rate / 2, rel=1e-5)
    assert experiment.input.max_native_tokens == 512


def test_pretraining_is_adam_and_fine_tuning_is_sgd_with_momentum():
    optimizer = load_experiment("imagenet").optimizer
    assert (optimizer.name, optimizer.b1, optimizer.b2) == ("adamw", 0.9, 0.999)
    assert optimizer.weight_decay == 0.1
    for name in ("koniq", "paq2piq", "spaq", "ava"):
        experiment = load_experiment(name)
        assert (experiment.optimizer.name, experiment.optimizer.b1) == ("sgd", 0.9)
        assert experiment.input.flip
        assert experiment.input.crop_min_area is None
        assert not experiment.input.randaugment_ops
        assert not experiment.input.mixup_alpha


def test_losses_are_those_of_the_labels():
    losses = {name: load_experiment(name).loss for name in PAPER}
    assert losses.pop("imagenet") == "cross_entropy"
    assert losses.pop("ava") == "earth_movers_distance"
    assert set(losses.values()) == {"absolute_error"}


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_has_a_model_and_survives_json(name):
    experiment = load_experiment(name)
    assert experiment.name == name
    assert parameter_shapes(experiment.model)["head/bias"] == (
        experiment.model.output_count,
    )
    assert experiment.input.preprocessing == experiment.model.preprocessing
    plain = json.loads(json.dumps(to_plain(experiment)))
    assert from_plain(Experiment, plain) == experiment
    if name.endswith("_single"):
        assert experiment.model.preprocessing.scales == ()
    elif name != "tiny":
        assert experiment.model == published_config(
            output_count=experiment.model.output_count
        )


def test_an_unknown_experiment_is_told_with_the_nearest():
    with pytest.raises(UsageError, match=r"unknown experiment 'konik', .* koniq\?"):
        load_experiment("konik")


def test_the_input_follows_the_model():
    settings = ["model.preprocessing.scales=128", "model.hidden_size=192"]
    changed = apply_settings(load_experiment("koniq"), settings)
    assert changed.input.preprocessing.scales == (128,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "l1"}, "loss must be one of absolute_error, "),
        ({"loss": "cross_entropy"}, "needs a model.output_count of more than 1, got 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"ema_decay": 1.5}, "ema_decay must be in"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(load_experiment("koniq"), **change)
