import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from training.learning.losses import (
    absolute_error,
    cross_entropy,
    earth_movers_distance,
    huber,
)

seeds = st.integers(0, 2**31)


def one_hot(rating: int, ratings: int = 10) -> np.ndarray:
    return np.eye(ratings)[rating - 1]


def logits_of(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities, 1e-30))[None].astype(np.float32)


def distance(p: np.ndarray, q: np.ndarray) -> float:
    return float(earth_movers_distance(logits_of(p), q[None].astype(np.float32))[0])


def reference(logits: np.ndarray, labels: np.ndarray) -> float:
    difference = np.cumsum(scipy.special.softmax(logits) - labels)
    return float(np.sqrt((difference**2).mean()))


def test_distance_of_the_ends_of_the_scale():
    assert distance(one_hot(1), one_hot(10)) == pytest.approx(0.9**0.5, abs=1e-6)


def test_distance_of_neighbours():
    assert distance(one_hot(4), one_hot(5)) == pytest.approx(0.1**0.5, abs=1e-6)


def test_equal_distributions_have_no_distance_and_a_gradient_of_zero():
    labels = jnp.full((1, 10), 0.1)
    value, gradient = jax.value_and_grad(lambda x: earth_movers_distance(x, labels)[0])(
        jnp.zeros((1, 10))
    )
    assert value < 1e-6
    assert np.isfinite(gradient).all()
    exact = jax.grad(lambda x: earth_movers_distance(x, jax.nn.softmax(x))[0])
    np.testing.assert_array_equal(exact(jnp.zeros((1, 10))), 0)


@settings(deadline=None, max_examples=25)
@given(seeds)
def test_distance_and_its_gradient_agree_with_float64(seed):
    random = np.random.default_rng(seed)
    logits, labels = random.normal(0, 2, 10), random.dirichlet(np.ones(10))
    value, gradient = jax.value_and_grad(
        lambda x: earth_movers_distance(x[None], jnp.float32(labels)[None])[0]
    )(jnp.float32(logits))
    assert value == pytest.approx(reference(logits, labels), abs=1e-6)
    steps = 1e-5 * np.eye(10)
    numeric = [
        (reference(logits + s, labels) - reference(logits - s, labels)) / 2e-5
        for s in steps
    ]
    np.testing.assert_allclose(gradient, numeric, atol=1e-5)


def test_errors_are_on_the_scale_of_the_labels():
    logits, labels = np.float32([[58.0], [20.0]]), np.float32([[60.5], [20.5]])
    np.testing.assert_allclose(absolute_error(logits, labels), [2.5, 0.5])
    np.testing.assert_allclose(huber(logits, labels), [2.0, 0.125])


def test_cross_entropy_takes_mixed_labels():
    logits, labels = np.float32([[0.5, -1.0, 2.0]]), np.float32([[0.7, 0.0, 0.3]])
    expected = -(labels * scipy.special.log_softmax(logits, axis=1)).sum()
    np.testing.assert_allclose(cross_entropy(logits, labels), [expected], rtol=1e-6)
