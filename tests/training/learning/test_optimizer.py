import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from training.learning.optimizer import OptimizerConfig, kernels_only

SGD = OptimizerConfig(name="sgd", learning_rate=0.1)
ADAMW = OptimizerConfig(name="adamw", learning_rate=1e-3, weight_decay=0.1)


def follow(config: OptimizerConfig, gradients, params, step_count=1000):
    """The parameters after each of these gradients."""
    transformation = config.build(step_count).transformation
    state = transformation.init(params)
    for gradient in gradients:
        updates, state = transformation.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        yield params


def test_learning_rate_warms_up_and_falls_to_0_as_a_cosine():
    config = OptimizerConfig(name="sgd", learning_rate=2.0, warmup_steps=100)
    rate = config.build(1100).learning_rate
    for step, expected in [(0, 0), (50, 1), (100, 2), (600, 1), (1100, 0)]:
        assert float(rate(step)) == pytest.approx(expected, abs=1e-6)
    quarter = 1 + np.cos(np.pi / 4)
    assert float(rate(350)) == pytest.approx(quarter, rel=1e-5)


def test_without_warm_up_the_first_step_is_the_largest():
    rate = SGD.build(100).learning_rate
    assert float(rate(0)) == pytest.approx(0.1)
    assert float(rate(50)) == pytest.approx(0.05)
    assert float(rate(100)) == pytest.approx(0.0, abs=1e-9)


def test_a_warm_up_of_all_steps_is_refused():
    with pytest.raises(ValueError, match=r"warmup_steps \(10\) must be fewer"):
        OptimizerConfig(name="sgd", learning_rate=1.0, warmup_steps=10).build(10)


def test_momentum_adds_up_the_gradients_of_before():
    gradient = {"kernel": jnp.ones(3)}
    after = list(follow(SGD, [gradient] * 3, {"kernel": jnp.zeros(3)}, 10**6))
    for params, expected in zip(after, [0.1, 0.29, 0.561], strict=True):
        np.testing.assert_allclose(params["kernel"], -expected, rtol=1e-4)


def test_the_momentum_can_be_kept_in_two_bytes():
    config = OptimizerConfig(name="sgd", learning_rate=0.1, momentum_dtype="bfloat16")
    state = config.build(10).transformation.init({"kernel": jnp.zeros(3)})
    assert {x.dtype for x in jax.tree.leaves(state) if x.ndim} == {
        jnp.dtype("bfloat16")
    }


def test_weight_decay_is_the_learning_rates_share_of_kernels_alone():
    params = {
        "norm": {"scale": jnp.ones(2)},
        "kernel": jnp.ones(2),
        "bias": jnp.ones(2),
    }
    nothing = jax.tree.map(jnp.zeros_like, params)
    [after] = follow(ADAMW, [nothing], params, 10**6)
    np.testing.assert_allclose(after["kernel"], 1 - 1e-3 * 0.1, rtol=1e-6)
    np.testing.assert_array_equal(after["bias"], 1)
    np.testing.assert_array_equal(after["norm"]["scale"], 1)
    assert kernels_only(params) == {
        "norm": {"scale": False},
        "kernel": True,
        "bias": False,
    }


def test_long_gradients_are_shortened():
    config = OptimizerConfig(name="sgd", learning_rate=1.0, clip_norm=1.0)
    [after] = follow(config, [{"a": jnp.array([30.0, 40.0])}], {"a": jnp.zeros(2)})
    np.testing.assert_allclose(after["a"], [-0.6, -0.8], rtol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "adm"}, "name must be one of adamw, sgd, got 'adm'"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"learning_rate": float("inf")}, "learning_rate must be positive"),
        ({"weight_decay": 0.1}, "weight_decay must be >= 0, and 0 for sgd"),
        ({"momentum_dtype": "int8"}, "momentum_dtype must be one of"),
        ({"clip_norm": 0.0}, "clip_norm must be positive"),
        ({"b1": 1.0}, "b1 must be in"),
        ({"warmup_steps": -1}, "warmup_steps must be >= 0"),
    ],
)
def test_wrong_values_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        OptimizerConfig(**{"name": "sgd", "learning_rate": 0.1} | wrong)
