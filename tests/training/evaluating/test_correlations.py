"""The figures against SciPy, by-hand anchors and what papers say of them."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from training.evaluating.correlations import (
    accuracy_at_5,
    earth_movers_distances,
    logistic_fit,
    mean_ratings,
    mse,
    plcc,
    rmse,
    srcc,
)

# Few distinct numbers: almost every list has ties.
ratings = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2)


def by_definition(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / math.sqrt((x @ x) * (y @ y)))


def average_ranks(values: np.ndarray) -> np.ndarray:
    below = (values[None] < values[:, None]).sum(axis=1)
    equal = (values[None] == values[:, None]).sum(axis=1)
    return below + (equal + 1) / 2


@given(ratings)
def test_srcc_ranks_ties_by_their_average(pairs):
    x, y = np.array(pairs, float).T
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert math.isnan(srcc(x, y))
        assert math.isnan(plcc(x, y))
        return
    expected = by_definition(average_ranks(x), average_ranks(y))
    assert srcc(x, y) == pytest.approx(expected, abs=1e-12)
    assert srcc(x, y) == pytest.approx(scipy.stats.spearmanr(x, y)[0], abs=1e-15)
    assert plcc(x, y) == pytest.approx(by_definition(x, y), abs=1e-12)


@given(ratings, st.sampled_from([np.exp, np.cbrt, lambda x: 3 * x - 2]))
def test_srcc_does_not_change_under_ascending_maps_and_turns_with_the_sign(pairs, f):
    x, y = np.array(pairs, float).T
    np.testing.assert_allclose(srcc(f(x), y), srcc(x, y), atol=1e-12)
    np.testing.assert_allclose(srcc(-x, y), -srcc(x, y), atol=1e-12)


def test_single_precision_input_is_computed_in_double():
    # In float32 these differ in their last digit alone and sums would lose it.
    x = np.float32(2**24) + np.arange(6, dtype=np.float32) * 2
    assert plcc(x, np.arange(6)) == pytest.approx(1, abs=1e-12)
    assert rmse(x, np.full(6, 2.0**24)) == pytest.approx(math.sqrt(220 / 6))


def plcc_after_fit(x, y) -> float:
    return plcc(logistic_fit(x, y), y)


@pytest.mark.parametrize("figure", [srcc, plcc, plcc_after_fit])
def test_a_correlation_with_a_constant_has_no_value(figure):
    labels = np.arange(5.0)
    assert math.isnan(figure(np.full(5, 3.0), labels))
    assert math.isnan(figure(labels, np.full(5, 3.0)))
    assert math.isnan(figure(labels[:1], labels[:1]))


def test_the_plain_plcc_has_no_fit_and_the_fitted_one_straightens_a_logistic():
    random = np.random.default_rng(0)
    x = random.uniform(-4, 4, 300)
    y = 80 / (1 + np.exp(-(x - 0.5) / 0.6)) + 10
    assert plcc(x, y) == pytest.approx(scipy.stats.pearsonr(x, y)[0], abs=1e-15)
    assert plcc(x, y) < 0.96
    assert plcc_after_fit(x, y) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(logistic_fit(x, y), y, atol=1e-3)


def test_the_fit_changes_plcc_little_and_srcc_not_at_all_where_there_is_noise():
    random = np.random.default_rng(1)
    y = random.normal(60, 15, 500)
    x = y + random.normal(0, 8, 500)
    assert plcc_after_fit(x, y) == pytest.approx(plcc(x, y), abs=0.01)
    assert srcc(logistic_fit(x, y), y) == pytest.approx(srcc(x, y), abs=1e-12)


def test_too_few_examples_are_not_fitted():
    x, y = np.array([1.0, 2.0, 4.0]), np.array([1.0, 5.0, 6.0])
    np.testing.assert_array_equal(logistic_fit(x, y), x)


def test_five_itself_counts_as_low():
    predictions = np.array([5.0, 5.1, 4.9, 7.0])
    labels = np.array([4.0, 6.0, 5.0, 5.0])
    assert accuracy_at_5(predictions, labels) == 0.75


def test_a_constant_prediction_has_the_variance_as_its_error():
    labels = np.array([4.0, 5.0, 6.0, 7.0])
    assert mse(np.full(4, labels.mean()), labels) == labels.var()


def certain(rating: int) -> np.ndarray:
    return np.eye(10)[rating - 1]


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        (certain(3), certain(3), 0),
        (certain(1), certain(10), math.sqrt(0.9)),
        (certain(10), certain(1), math.sqrt(0.9)),
        (certain(4), certain(5), math.sqrt(0.1)),
        (np.full(10, 0.1), np.full(10, 0.1), 0),
    ],
)
def test_emd_has_its_anchors(one, other, distance):
    assert earth_movers_distances(one[None], other[None])[0] == pytest.approx(
        distance, abs=1e-12
    )


def test_emd_grows_with_how_far_mass_moves():
    moved = [
        earth_movers_distances(certain(1)[None], certain(m)[None])[0]
        for m in range(1, 11)
    ]
    assert moved == sorted(moved)
    assert len(set(moved)) == 10


def test_a_mean_rating_starts_at_one():
    distributions = np.stack([certain(1), certain(10), np.full(10, 0.1)])
    np.testing.assert_allclose(mean_ratings(distributions), [1, 10, 5.5])
