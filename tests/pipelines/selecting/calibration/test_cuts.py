"""Intervals hold what they say, cuts have the precision that was wanted, maps rise."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats

from pipelines.selecting.calibration.isotonic import RisingMap, fit_map
from pipelines.selecting.calibration.precision_recall import (
    binomial_interval,
    lower_bound,
    precision_recall,
)
from pipelines.selecting.calibration.proposed_cut import (
    fewest_labels,
    labels_needed,
    propose_cut,
)

LABELLED = st.lists(
    st.tuples(st.sampled_from([1.0, 1.5, 2.0, 2.25, 3.0, 9.0]), st.booleans()),
    min_size=1,
    max_size=30,
).map(lambda pairs: tuple(map(np.array, zip(*pairs, strict=True))))


@given(LABELLED, st.booleans())
def test_a_curve_counts_as_one_would_by_hand(labelled, higher_is_better):
    scores, is_good = labelled
    curve = precision_recall(scores, is_good, higher_is_better=higher_is_better)
    wanted = sorted(set(scores.tolist()), reverse=higher_is_better)
    assert curve.cuts.tolist() == wanted
    for place, cut in enumerate(wanted):
        kept = scores >= cut if higher_is_better else scores <= cut
        assert curve.kept[place] == kept.sum()
        assert curve.good[place] == (kept & is_good).sum()
        assert curve.precision[place] == is_good[kept].mean()
        if is_good.any():
            assert curve.recall[place] == (kept & is_good).sum() / is_good.sum()
    low, high = curve.precision_interval(0.95)
    assert (low <= curve.precision).all()
    assert (curve.precision <= high).all()


def test_intervals_are_scipys():
    good, total = np.array([0, 3, 7, 10]), np.array([10, 10, 9, 10])
    low, high = binomial_interval(good, total, 0.9)
    bound = lower_bound(good, total, 0.95)
    for place, (k, n) in enumerate(zip(good.tolist(), total.tolist(), strict=True)):
        wanted = stats.binomtest(k, n).proportion_ci(0.9, method="exact")
        assert (low[place], high[place]) == pytest.approx((wanted.low, wanted.high))
        assert bound[place] == pytest.approx(wanted.low)
    assert binomial_interval(np.array([0]), np.array([0]), 0.9) == (0, 1)


@pytest.mark.parametrize("truth", [0.05, 0.5, 0.9])
def test_an_interval_holds_the_truth_at_about_its_level(truth):
    random = np.random.default_rng(0)
    good = random.binomial(60, truth, 4000)
    low, high = binomial_interval(good, np.full(4000, 60), 0.95)
    share = np.mean((low <= truth) & (truth <= high))
    assert share + 0.01 >= 0.95
    assert share < 0.995


def _quality(scores):
    """The chance that a photo is good, by its score from 0 to 1."""
    return 1 / (1 + np.exp(-12 * (scores - 0.5)))


def _precision_of(cut: float) -> float:
    scores = np.linspace(cut, 1, 1000)
    return float(_quality(scores).mean())


@pytest.mark.parametrize(("labels", "precision"), [(150, 0.8), (400, 0.9), (800, 0.95)])
def test_a_proposed_cut_misses_its_precision_as_rarely_as_it_says(labels, precision):
    random = np.random.default_rng(1)
    misses = found = 0
    for _ in range(400):
        scores = random.random(labels)
        is_good = random.random(labels) < _quality(scores)
        curve = precision_recall(scores, is_good)
        proposed = propose_cut(curve, precision=precision, level=0.95)
        if proposed.cut is not None:
            found += 1
            misses += _precision_of(proposed.cut) < precision
    assert misses <= 0.07 * 400  # 0.05, and what chance adds to 400 trials
    assert found > 150


def test_a_proposed_cut_is_lax_when_everything_is_good():
    scores = np.linspace(0, 1, 200)
    curve = precision_recall(scores, np.ones(200, bool))
    proposed = propose_cut(curve, precision=0.9, level=0.95)
    assert (proposed.cut, proposed.kept, proposed.good) == (0.0, 200, 200)


def test_too_few_labels_say_how_many_more():
    assert fewest_labels(0.9, 0.95) == 29
    scores = np.linspace(0, 1, 20)
    curve = precision_recall(scores, np.ones(20, bool))
    proposed = propose_cut(curve, precision=0.9, level=0.95)
    assert (proposed.cut, proposed.more_labels) == (None, 9)
    bad = precision_recall(scores, np.zeros(20, bool))
    proposed = propose_cut(bad, precision=0.9, level=0.95)
    assert (proposed.cut, proposed.more_labels) == (None, None)


@given(st.floats(0.5, 1), st.floats(0.1, 0.99))
def test_as_many_labels_as_are_needed_show_it(share, precision):
    needed = labels_needed(share, precision, 0.95)
    if needed is None:
        assert share <= precision + 0.01
        return
    good = np.array(int(share * needed))
    assert lower_bound(good, np.array(needed), 0.95) >= precision


@given(LABELLED, st.booleans())
def test_a_map_goes_in_the_scores_direction_and_no_other_fits_better(
    labelled, higher_is_better
):
    scores, is_good = labelled
    found = fit_map(scores, is_good.astype(float), higher_is_better=higher_is_better)
    grid = np.linspace(0, 10, 50)
    steps = np.diff(found.apply(grid))
    assert ((steps >= 0) if higher_is_better else (steps <= 0)).all()
    fitted = found.apply(scores)
    assert fitted.mean() == pytest.approx(is_good.mean())
    errors = ((fitted - is_good) ** 2).sum()
    for constant in (0.0, is_good.mean(), 1.0):
        assert errors <= ((constant - is_good) ** 2).sum() + 1e-9


@settings(max_examples=200)
@given(LABELLED, st.booleans(), st.floats(0, 1))
def test_a_cut_for_a_value_is_the_laxest_one(labelled, higher_is_better, value):
    scores, is_good = labelled
    found = fit_map(scores, is_good.astype(float), higher_is_better=higher_is_better)
    cut = found.cut_for(value)
    grid = np.linspace(0, 10, 401)
    has_value = found.apply(grid) >= value
    if cut is None:
        assert not has_value.any()
        return
    assert found.apply(np.array([cut]))[0] >= value - 1e-9
    kept = grid >= cut + 1e-9 if higher_is_better else grid <= cut - 1e-9
    assert (found.apply(grid[kept]) >= value - 1e-9).all()
    dropped = grid < cut - 1e-6 if higher_is_better else grid > cut + 1e-6
    assert not (found.apply(grid[dropped]) >= value + 1e-9).any()


@pytest.mark.parametrize(
    ("scores", "values", "message"),
    [
        ((), (), "needs knots"),
        ((1.0,), (1.0, 2.0), "a value for each score"),
        ((1.0, 1.0), (0.0, 1.0), "scores of a map must rise"),
        ((1.0, 2.0, 3.0), (0.0, 1.0, 0.5), "values of a map must rise"),
        ((1.0, float("nan")), (0.0, 1.0), "must be finite"),
    ],
)
def test_a_map_that_is_none_is_refused(scores, values, message):
    with pytest.raises(ValueError, match=message):
        RisingMap(scores=scores, values=values)


def test_labels_without_scores_are_refused():
    with pytest.raises(ValueError, match="as many and some, got 0 and 0"):
        precision_recall(np.array([]), np.array([], bool))
    with pytest.raises(ValueError, match="must be finite"):
        precision_recall(np.array([np.nan]), np.array([True]))
