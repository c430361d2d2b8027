"""The figures of one evaluation, with their intervals, and of several runs together."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from schemas.quantiles import QUANTILE_LEVELS
from training.evaluating import correlations
from training.evaluating.bootstrap import bootstrap_intervals
from training.evaluating.predictions import Predictions

FIGURE_TITLES = {
    "srcc": "SRCC",
    "plcc": "PLCC",
    "plcc_fitted": "PLCC after a logistic fit",
    "rmse": "RMSE",
    "accuracy_at_5": "accuracy at 5",
    "mse": "MSE",
    "emd": "EMD",
}

_Metric = Callable[[np.ndarray], float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure and its 95 % bootstrap interval; NaN where there is no value."""

    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How well a model predicts the labels of one split.

    Attributes:
      dataset: Name of the data set.
      split: Name of the split.
      examples: How many it has.
      groups: How many groups they form; intervals are drawn by group.
      labels_sha256: `Predictions.labels_digest`.
      figures: By name, in the order of `FIGURE_TITLES`.
      score_quantiles: Of the predictions, by level as text, such as {"0.5": 61.2}.
    """

    dataset: str
    split: str
    examples: int
    groups: int
    labels_sha256: str
    figures: dict[str, Figure]
    score_quantiles: dict[str, float]

    @property
    def srcc(self) -> float:
        """Spearman's correlation, by which models are compared."""
        return self.figures["srcc"].value

    def to_json(self) -> dict[str, Any]:
        """Return plain values, null for what has no value; model cards hold them."""
        fields: dict[str, Any] = {
            "dataset": self.dataset,
            "split": self.split,
            "examples": self.examples,
            "groups": self.groups,
            "labels_sha256": self.labels_sha256,
        }
        for name, figure in self.figures.items():
            fields[name] = _or_none(figure.value)
            fields[f"{name}_interval"] = [_or_none(figure.low), _or_none(figure.high)]
        return fields | {"score_quantiles": self.score_quantiles}


def measure(
    predictions: Predictions, *, dataset: str, split: str, seed: int = 0
) -> Evaluation:
    """Return all figures that mean something for these predictions.

    EMD needs distributions on both sides; MSE and the accuracy at 5 are AVA's, with ten
    ratings.

    Args:
      predictions: Of at least one example.
      dataset: Name of the data set.
      split: Name of the split.
      seed: Of the bootstrap.
    """
    metrics = _metrics_of(predictions)
    everything = np.arange(len(predictions.labels))
    intervals = bootstrap_intervals(metrics, predictions.groups, seed=seed)
    figures = {
        name: Figure(
            value=metric(everything), low=intervals[name][0], high=intervals[name][1]
        )
        for name, metric in metrics.items()
    }
    quantiles = np.quantile(
        predictions.predictions, QUANTILE_LEVELS, method="inverted_cdf"
    )
    return Evaluation(
        dataset=dataset,
        split=split,
        examples=len(everything),
        groups=len(set(predictions.groups)),
        labels_sha256=predictions.labels_digest(),
        figures=figures,
        score_quantiles={
            str(q): float(v) for q, v in zip(QUANTILE_LEVELS, quantiles, strict=True)
        },
    )


def mean_and_deviation(runs: Sequence[Evaluation]) -> dict[str, tuple[float, float]]:
    """Return mean and standard deviation (n - 1) over runs of every common figure.

    Args:
      runs: Evaluations of independent trainings, at least one. One alone has no
        deviation: NaN, as is all of a figure without a value in some run.
    """
    names = [n for n in FIGURE_TITLES if all(n in run.figures for run in runs)]
    found = {}
    for name in names:
        values = np.array([run.figures[name].value for run in runs])
        deviation = float(np.std(values, ddof=1)) if len(runs) > 1 else math.nan
        found[name] = (float(np.mean(values)), deviation)
    return found


def _metrics_of(predictions: Predictions) -> dict[str, _Metric]:
    """Return functions from drawn examples to figures, in order."""
    x, y = predictions.predictions, predictions.labels
    # One fit for all draws: its four parameters hardly move beside the correlation.
    fitted = correlations.logistic_fit(x, y)
    metrics: dict[str, _Metric] = {
        "srcc": lambda drawn: correlations.srcc(x[drawn], y[drawn]),
        "plcc": lambda drawn: correlations.plcc(x[drawn], y[drawn]),
        "plcc_fitted": lambda drawn: correlations.plcc(fitted[drawn], y[drawn]),
        "rmse": lambda drawn: correlations.rmse(x[drawn], y[drawn]),
    }
    truth, found = predictions.label_distributions, predictions.distributions
    if truth is not None and truth.shape[1] == correlations.AVA_RATINGS:
        metrics["accuracy_at_5"] = lambda drawn: correlations.accuracy_at_5(
            x[drawn], y[drawn]
        )
        metrics["mse"] = lambda drawn: correlations.mse(x[drawn], y[drawn])
    if truth is not None and found is not None and truth.shape == found.shape:
        distances = correlations.earth_movers_distances(found, truth)
        metrics["emd"] = lambda drawn: float(np.mean(distances[drawn]))
    return metrics


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
