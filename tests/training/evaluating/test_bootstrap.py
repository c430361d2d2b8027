import math

import numpy as np
import pytest

from training.evaluating.bootstrap import bootstrap_intervals


def names(count: int) -> list[str]:
    return [f"photo {number}" for number in range(count)]


def interval_of_mean(values, groups, **settings):
    metrics = {"mean": lambda drawn: float(values[drawn].mean())}
    return bootstrap_intervals(metrics, groups, **settings)["mean"]


def test_the_interval_of_a_mean_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(0)
    covered = 0
    for sample in range(200):
        low, high = interval_of_mean(
            random.normal(3, 1, 50), names(50), seed=sample, resamples=200
        )
        covered += low <= 3 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_the_interval_of_a_mean_is_as_wide_as_theory_says():
    values = np.random.default_rng(1).normal(0, 1, 400)
    low, high = interval_of_mean(values, names(400))
    error = values.std() / math.sqrt(400)
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert low < values.mean() < high


def test_copies_of_one_photo_do_not_narrow_the_interval():
    values = np.random.default_rng(2).normal(0, 1, 100)
    photos = interval_of_mean(values, names(100))
    copies = np.repeat(values, 16)
    by_group = interval_of_mean(copies, np.repeat(names(100), 16).tolist())
    by_example = interval_of_mean(copies, names(1600))

    def width(ends):
        return ends[1] - ends[0]

    assert width(by_group) == pytest.approx(width(photos), rel=0.1)
    assert width(by_example) == pytest.approx(width(photos) / 4, rel=0.2)


def test_groups_are_drawn_whole_whatever_their_order_and_size():
    groups = ["b", "a", "b", "c", "a", "b"]
    sizes = {"a": 2, "b": 3, "c": 1}
    drawn = []
    bootstrap_intervals(
        {"seen": lambda d: drawn.append(d) or 0.0}, groups, resamples=50
    )
    for indices in drawn:
        counts = {
            g: [int(np.sum(indices == i)) for i in range(6) if groups[i] == g]
            for g in sizes
        }
        times = {g: found[0] for g, found in counts.items()}
        assert all(found == [times[g]] * sizes[g] for g, found in counts.items())
        assert sum(times.values()) == len(sizes)


def test_the_same_seed_draws_the_same_and_another_does_not():
    values = np.random.default_rng(3).normal(0, 1, 30)
    once = interval_of_mean(values, names(30), seed=7)
    assert interval_of_mean(values, names(30), seed=7) == once
    assert interval_of_mean(values, names(30), seed=8) != once


def test_draws_without_a_value_are_left_out():
    def sometimes(drawn: np.ndarray) -> float:
        return math.nan if drawn[0] == 0 else 5.0

    metrics = {"sometimes": sometimes, "never": lambda drawn: math.nan}
    found = bootstrap_intervals(metrics, names(3))
    assert found["sometimes"] == (5.0, 5.0)
    assert all(map(math.isnan, found["never"]))
