import itertools
import json
import os
import signal

import jax
import numpy as np
import pytest
import scipy.stats
from flax.traverse_util import flatten_dict, unflatten_dict
from helpers import tiny_training
from helpers.pod import trace
from helpers.tiny_training import MODEL, OPTIMIZER, TASKS

from musiq_core.network.model import Musiq
from schemas.errors import UsageError
from training.errors import Preempted, TrainingDiverged
from training.learning.loop import train
from training.learning.loop_config import LoopConfig
from training.learning.optimizer import OptimizerConfig
from training.learning.train_state import start_state, train_step
from training.running.checkpoints import restore_parameters

TASK = TASKS["two layers"]
STEPS = 8
CONFIG = LoopConfig(
    step_count=STEPS,
    ema_decay=0.9,
    checkpoint_every_steps=3,
    kept_checkpoints=9,
    log_every_steps=1,
)


def run(output, batches=tiny_training.batches, config=CONFIG, **options):
    optimizer = OPTIMIZER.build(config.step_count)
    return train(TASK, optimizer, batches, config, str(output), **options)


def batches_with(step: int, change):
    """The batches, with something done before the one that step `step` takes."""

    def batches(start_step):
        source = tiny_training.batches(start_step)
        for number, batch in enumerate(source, start=start_step + 1):
            if number == step:
                change(batch)
            yield batch

    return batches


def values(tree) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing happened to: its folder and its last state."""
    output = tmp_path_factory.mktemp("whole")
    return output, run(output)


def test_a_stopped_run_goes_on_as_if_it_had_not_been(whole, tmp_path):
    def stop(batch):
        os.kill(os.getpid(), signal.SIGTERM)

    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Preempted) as caught:
        run(tmp_path, batches_with(5, stop))
    assert (caught.value.step, caught.value.code) == (5, 143)
    assert signal.getsignal(signal.SIGTERM) is handler
    state = run(tmp_path)
    assert trace(tmp_path) == trace(whole[0])
    for found, expected in zip(values(state), values(whole[1]), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_checkpoint_is_the_state_of_its_step(whole):
    """Though the steps after it reuse the memory while it is being written."""
    step = jax.jit(
        lambda state, batch: train_step(
            state, batch, task=TASK, optimizer=OPTIMIZER.build(STEPS), ema_decay=0.9
        )
    )
    params = jax.jit(TASK.init)(jax.random.key(0))
    state = start_state(params, OPTIMIZER.build(STEPS), keep_ema=True)
    for batch in itertools.islice(tiny_training.batches(0), STEPS):
        state, _ = step(state, batch)
        if int(state.step) in (3, 6, 8):
            found = restore_parameters(str(whole[0]), int(state.step))
            expected = flatten_dict(state.ema, sep="/")
            assert found.keys() == expected.keys()
            for name, array in found.items():
                assert isinstance(array, np.ndarray)
                np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-6)


def test_a_finished_run_is_left_alone(whole):
    output, state = whole
    before = sorted(output.rglob("*"))

    def none(start_step):
        raise AssertionError("no batch is needed")

    again = run(output, none)
    assert int(again.step) == STEPS
    for found, expected in zip(values(again), values(state), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert sorted(output.rglob("*")) == before


def test_numbers_of_every_step_are_written_for_people_and_tensorboard(whole):
    lines = [json.loads(t) for t in (whole[0] / "metrics.jsonl").open()]
    assert [line["step"] for line in lines] == list(range(1, STEPS + 1))
    rate = OPTIMIZER.build(STEPS).learning_rate
    for line in lines:
        assert line["learning_rate"] == pytest.approx(float(rate(line["step"] - 1)))
        assert {"loss", "gradient_norm"} <= line.keys()
    assert any(whole[0].glob("events.out.tfevents.*"))


def test_tensorboard_reads_the_event_file(whole):
    from tensorboard.backend.event_processing.event_file_loader import (
        LegacyEventFileLoader,
    )

    [file, *_] = sorted(whole[0].glob("events.out.tfevents.*"))
    events = list(LegacyEventFileLoader(str(file)).Load())
    losses = {
        event.step: value.simple_value
        for event in events
        for value in event.summary.value
        if value.tag == "loss"
    }
    assert losses == pytest.approx(trace(whole[0]))


def test_a_loss_that_is_no_number_stops_the_run_before_it_is_saved(tmp_path):
    def spoil(batch):
        batch["labels"][3] = np.nan

    with pytest.raises(TrainingDiverged, match="the loss of step 5 is nan"):
        run(tmp_path, batches_with(5, spoil))
    with pytest.raises(UsageError, match=r"no checkpoint of step 5; there are 3$"):
        restore_parameters(str(tmp_path), 5)


def test_given_parameters_take_the_place_of_the_tasks_own(tmp_path):
    given = {"head/bias": np.float32([58.0])}
    config = LoopConfig(step_count=3, checkpoint_every_steps=1, kept_checkpoints=9)
    state = run(tmp_path, config=config, initial=given)
    # The first step of the warm-up has a learning rate of 0.
    first = restore_parameters(str(tmp_path), 1)
    assert first["head/bias"] == 58.0
    scratch = flatten_dict(jax.jit(TASK.init)(jax.random.key(0)), sep="/")
    np.testing.assert_allclose(
        first["hidden/kernel"], scratch["hidden/kernel"], atol=1e-6
    )
    assert state.ema is None


def test_a_profile_is_recorded_where_asked(tmp_path):
    config = LoopConfig(step_count=4, profile_start_step=2, profile_steps=2)
    run(tmp_path, config=config)
    assert any((tmp_path / "profile").rglob("*.xplane.pb"))


def test_parameters_of_no_run_are_refused(tmp_path):
    with pytest.raises(UsageError, match="has no checkpoints: is it the output"):
        restore_parameters(str(tmp_path))


@pytest.mark.parametrize(
    "wrong", [{"step_count": 0}, {"log_every_steps": 0}, {"ema_decay": 1.0}]
)
def test_wrong_values_are_refused(wrong):
    [name] = wrong
    with pytest.raises(ValueError, match=name):
        LoopConfig(**{"step_count": 1} | wrong)


def test_64_images_are_learnt_by_heart(tmp_path):
    batch = tiny_training.global_batch(0, 64)
    batch["labels"] = np.random.default_rng(3).normal(50, 10, (64, 1))
    batch = {n: a.astype(np.float32) if n == "labels" else a for n, a in batch.items()}
    optimizer = OptimizerConfig(name="adamw", learning_rate=1e-2, warmup_steps=20)
    config = LoopConfig(step_count=400, checkpoint_every_steps=400, log_every_steps=100)
    train(
        TASKS["musiq"],
        optimizer.build(400),
        lambda start: itertools.repeat(batch),
        config,
        str(tmp_path),
        initial={"head/bias": np.float32([50.0])},
    )
    state = restore_parameters(str(tmp_path))
    inputs = [batch[n] for n in ("pixels", "positions", "scale_ids", "mask")]
    predicted = Musiq(MODEL).apply({"params": unflatten_dict(state, sep="/")}, *inputs)
    srcc = scipy.stats.spearmanr(predicted[:, 0], batch["labels"][:, 0]).statistic
    assert srcc == pytest.approx(1.0, abs=1e-9)
