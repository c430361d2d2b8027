import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from musiq_core.model_files.model_file import variables_of
from musiq_core.network.model import Musiq, parameter_shapes
from training.builtin.graded_model import CONFIG, GradedMusiq, GradedTask

TASK = GradedTask(
    kind_count=3, help_weight=1.0, help_until_step=10, opinions_weight=1.0
)


@pytest.fixture(scope="module")
def params():
    def perturbed(leaf):
        noise = np.random.default_rng(leaf.size).normal(0, 0.05, leaf.shape)
        return leaf + noise.astype(np.float32)

    return jax.tree.map(perturbed, TASK.init(jax.random.key(0)))


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    return {
        "pixels": rng.uniform(-1, 1, (3, 6, 32 * 32 * 3)).astype(np.float32),
        "positions": rng.integers(0, 100, (3, 6), np.int32),
        "scale_ids": rng.integers(0, 2, (3, 6), np.int32),
        "mask": np.arange(6) < np.array([[6], [4], [5]]),
        "labels": np.array([[0.2], [0.9], [0.5]], np.float32),
        "kinds": np.array([[1, 0, 0], [0, 1, 1], [0, 0, 0]], np.float32),
        "is_graded": np.array([True, True, False]),
    }


def model_inputs(batch):
    return [batch[n] for n in ("pixels", "positions", "scale_ids", "mask")]


def test_the_published_parameters_score_as_the_network_that_trained(params, batch):
    found = GradedMusiq(CONFIG, 3).apply({"params": params}, *model_inputs(batch))
    flat = flatten_dict(params, sep="/")
    shapes = parameter_shapes(CONFIG)
    assert {n: flat[n].shape for n in shapes} == shapes
    alone = Musiq(CONFIG).apply(
        variables_of({n: flat[n] for n in shapes}), *model_inputs(batch)
    )
    np.testing.assert_allclose(found["score"], alone, rtol=0, atol=1e-6)


def test_padding_does_not_change_the_loss(params, batch):
    noisy = dict(batch)
    noisy["pixels"] = np.where(batch["mask"][..., None], batch["pixels"], 0.5)
    one, other = (TASK.loss(params, b, np.int32(0))[0] for b in (batch, noisy))
    np.testing.assert_allclose(one, other, rtol=1e-5)


def test_helping_heads_have_no_say_once_they_have_faded(params, batch):
    loss, parts = TASK.loss(params, batch, np.int32(10))
    np.testing.assert_allclose(loss, parts["grades"] + parts["opinions"], rtol=1e-5)
    early, _ = TASK.loss(params, batch, np.int32(0))
    assert early > loss


def test_opinions_do_not_count_where_there_are_none(params, batch):
    graded_only = dict(batch, is_graded=np.ones(3, bool))
    _, parts = TASK.loss(params, graded_only, np.int32(0))
    assert parts["opinions"] == 0
