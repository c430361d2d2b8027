"""Evaluations as tables for people and as JSON for machines."""

import json
import math
from collections.abc import Sequence

import rich.console
import rich.table
import rich.text

from schemas.text import printable
from training.evaluating.evaluation import (
    FIGURE_TITLES,
    Evaluation,
    mean_and_deviation,
)


def print_evaluation(evaluation: Evaluation, *, source: str, as_json: bool) -> None:
    """Print the figures of one model, with their intervals."""
    if as_json:
        print(json.dumps({"source": source, **evaluation.to_json()}))
        return
    table = _table(f"{source}: {_described(evaluation)}", "", "value", "95 % interval")
    for name, figure in evaluation.figures.items():
        interval = f"{_number(figure.low)} to {_number(figure.high)}"
        table.add_row(FIGURE_TITLES[name], _number(figure.value), interval)
    rich.console.Console().print(table)


def print_runs(runs: Sequence[Evaluation], *, source: str, as_json: bool) -> None:
    """Print mean and standard deviation over several trainings.

    Args:
      runs: One evaluation each.
      source: What was evaluated, in words.
      as_json: Print JSON, which holds every run too.
    """
    found = mean_and_deviation(runs)
    if as_json:
        told = {
            "source": source,
            "mean": {name: _or_none(mean) for name, (mean, _) in found.items()},
            "std": {name: _or_none(std) for name, (_, std) in found.items()},
            "runs": [run.to_json() for run in runs],
        }
        print(json.dumps(told))
        return
    title = f"{source}: {len(runs)} runs, {_described(runs[0])}"
    table = _table(title, "", "mean", "standard deviation")
    for name, numbers in found.items():
        table.add_row(FIGURE_TITLES[name], *map(_number, numbers))
    rich.console.Console().print(table)


def _table(title: str, *columns: str) -> rich.table.Table:
    text = rich.text.Text(printable(title))
    table = rich.table.Table(title=text, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _described(evaluation: Evaluation) -> str:
    groups = ""
    if evaluation.groups < evaluation.examples:
        groups = f" in {evaluation.groups:,} groups"
    return (
        f"{evaluation.examples:,} examples{groups} of the split {evaluation.split} of "
        f"{evaluation.dataset}"
    )


def _number(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.4f}"


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
