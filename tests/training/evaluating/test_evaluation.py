"""The figures of an evaluation: which there are, their intervals, and runs together."""

import json
import math

import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.stats

from training.evaluating.evaluation import mean_and_deviation, measure
from training.evaluating.predictions import Predictions, write_predictions
from training.evaluating.show_evaluation import print_evaluation, print_runs


def scores(outputs=None, count: int = 60, seed: int = 0) -> Predictions:
    random = np.random.default_rng(seed)
    labels = random.normal(50, 10, (count, 1))
    noisy = labels + random.normal(0, 5, (count, 1))
    names = tuple(f"{number:03}.jpg" for number in range(count))
    return Predictions.of(names, names, labels, noisy if outputs is None else outputs)


def distributions(count: int = 60, size: int = 10) -> Predictions:
    random = np.random.default_rng(1)
    labels = random.dirichlet(np.ones(size), count)
    outputs = 0.7 * labels + 0.3 * random.dirichlet(np.ones(size), count)
    names = tuple(f"{number:03}.jpg" for number in range(count))
    return Predictions.of(names, names, labels, outputs)


def figures_of(predictions: Predictions):
    return measure(predictions, dataset="rated", split="test").figures


def test_scores_have_the_figures_of_scores():
    predictions = scores()
    figures = figures_of(predictions)
    assert list(figures) == ["srcc", "plcc", "plcc_fitted", "rmse"]
    x, y = predictions.predictions, predictions.labels
    assert figures["srcc"].value == pytest.approx(scipy.stats.spearmanr(x, y)[0])
    assert figures["plcc"].value == pytest.approx(scipy.stats.pearsonr(x, y)[0])
    for figure in figures.values():
        assert figure.low < figure.value < figure.high


def test_ten_ratings_have_the_figures_of_ava_besides():
    assert list(figures_of(distributions())) == [
        *("srcc", "plcc", "plcc_fitted", "rmse"),
        *("accuracy_at_5", "mse", "emd"),
    ]
    figures = figures_of(distributions())
    assert figures["rmse"].value ** 2 == pytest.approx(figures["mse"].value)
    assert 0 < figures["emd"].value < 0.3


def test_other_distributions_have_emd_and_nothing_of_ava():
    assert list(figures_of(distributions(size=5))) == [
        *("srcc", "plcc", "plcc_fitted", "rmse", "emd")
    ]


def test_a_score_head_on_distributions_is_measured_by_their_means():
    ava = distributions()
    predictions = Predictions.of(
        ava.names, ava.groups, ava.label_distributions, ava.predictions[:, None]
    )
    found, expected = figures_of(predictions), figures_of(ava)
    assert "emd" not in found
    for name in found:
        assert found[name].value == pytest.approx(expected[name].value, abs=1e-12)


def test_a_constant_prediction_is_undefined_in_tables_and_null_in_json(capsys):
    constant = measure(scores(np.full((60, 1), 50.0)), dataset="rated", split="test")
    assert math.isnan(constant.srcc)
    print_evaluation(constant, source="run", as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["srcc"] is None
    assert told["srcc_interval"] == [None, None]
    assert told["rmse"] == constant.figures["rmse"].value
    print_evaluation(constant, source="run", as_json=False)
    assert "undefined" in capsys.readouterr().out


def test_the_table_shows_every_figure_with_its_interval(capsys):
    found = measure(distributions(), dataset="rated", split="test")
    print_evaluation(found, source="runs/ava\x1b[31m", as_json=False)
    table = capsys.readouterr().out
    assert "\x1b" not in table
    for name in ("SRCC", "logistic fit", "accuracy at 5", "EMD"):
        assert name in table
    srcc = found.figures["srcc"]
    assert f"{srcc.value:.4f}" in table
    assert f"{srcc.low:.4f} to {srcc.high:.4f}" in table


def test_runs_together_have_a_mean_and_a_deviation(capsys):
    runs = [
        measure(scores(seed=seed), dataset="rated", split="test") for seed in range(3)
    ]
    values = [run.srcc for run in runs]
    mean, deviation = mean_and_deviation(runs)["srcc"]
    assert mean == pytest.approx(sum(values) / 3)
    assert deviation == pytest.approx(np.std(values, ddof=1))
    print_runs(runs, source="runs/{run}", as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["mean"]["srcc"] == mean
    assert told["std"]["srcc"] == deviation
    assert [run["srcc"] for run in told["runs"]] == values
    print_runs(runs[:1], source="runs/{run}", as_json=False)
    assert "undefined" in capsys.readouterr().out


def test_the_digest_is_of_names_and_labels_and_not_of_their_order():
    one = scores()
    order = np.random.default_rng(5).permutation(60)
    shuffled = Predictions.of(
        tuple(one.names[i] for i in order),
        tuple(one.groups[i] for i in order),
        one.labels[order, None],
        one.labels[order, None],
    )
    assert shuffled.labels_digest() == one.labels_digest()
    assert scores(seed=1).labels_digest() != one.labels_digest()


def test_predictions_are_a_table_from_which_figures_can_be_made_again(tmp_path):
    path = tmp_path / "predictions.parquet"
    path.write_bytes(b"an older file")
    ava = distributions()
    write_predictions(ava, str(path))
    table = pq.read_table(path)
    assert table.column_names == [
        *("name", "group", "label", "prediction"),
        *("label_distribution", "distribution"),
    ]
    read = Predictions.of(
        tuple(table["name"].to_pylist()),
        tuple(table["group"].to_pylist()),
        np.array(table["label_distribution"].to_pylist()),
        np.array(table["distribution"].to_pylist()),
    )
    assert figures_of(read) == figures_of(ava)
    np.testing.assert_array_equal(table["prediction"].to_numpy(), ava.predictions)
    assert [one.name for one in tmp_path.iterdir()] == ["predictions.parquet"]


def test_scores_have_no_distribution_columns(tmp_path):
    assert scores().to_table().column_names == ["name", "group", "label", "prediction"]
