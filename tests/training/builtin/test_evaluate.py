import numpy as np
import pytest

from training.builtin.evaluate import agreement, order_by_severity


def test_scores_that_fall_with_the_severity_are_in_perfect_order():
    scores = np.array([[5.0, 4, 3, 2, 1], [50, 40, 30, 20, 10]])
    order = order_by_severity(scores)
    assert order["within"] == pytest.approx(1)
    assert 0.3 < order["pooled"] < 1


def test_scores_that_rise_with_the_severity_are_in_the_opposite_order():
    assert order_by_severity(np.array([[1.0, 2, 3, 4, 5]]))["within"] == pytest.approx(
        -1
    )


def test_a_constant_score_orders_nothing():
    assert order_by_severity(np.ones((2, 5)))["within"] == 0


def test_agreement_comes_with_an_interval_that_holds_it():
    rng = np.random.default_rng(0)
    labels = rng.random(200)
    found = agreement(labels + rng.normal(0, 0.3, 200), labels)
    assert 0.4 < found["srcc_low"] < found["srcc"] < found["srcc_high"] < 0.9
