"""`musiq-train evaluate`: from a request to the figures of one model or several."""

import contextlib
import dataclasses
import os
import sys
from collections.abc import Iterator

from pipelines.storage import resolve
from schemas.errors import UsageError
from training.commands.requests import EvaluateRequest
from training.evaluating.evaluation import Evaluation, measure
from training.evaluating.predict import predict
from training.evaluating.predictions import write_predictions
from training.evaluating.show_evaluation import print_evaluation, print_runs
from training.examples.array_record_source import open_split
from training.models.trained_model import TrainedModel, open_model_file, open_run
from training.running.processes import is_first, join_processes

_NUMBER = "{run}"


def run(request: EvaluateRequest) -> int:
    """Evaluate and return the exit code; all processes of a run call this."""
    with _only_results_on_stdout():
        join_processes(request.processes)
        if request.runs is None:
            evaluations = [_evaluate(request)]
        else:
            numbered = [_numbered(request, number) for number in range(request.runs)]
            for one in numbered:  # before the first takes its time
                trained_model(one)
            evaluations = [
                _evaluate(one, number) for number, one in enumerate(numbered)
            ]
    if not is_first():
        return 0
    source = request.run or request.model or ""
    if request.runs is None:
        print_evaluation(evaluations[0], source=source, as_json=request.json)
    else:
        print_runs(evaluations, source=source, as_json=request.json)
    return 0


def trained_model(request: EvaluateRequest) -> TrainedModel:
    """Return the model that --run or --model names.

    Raises:
      UsageError: If there is none, or it cannot be used.
      StorageError: If it cannot be read.
    """
    if request.model is not None:
        return open_model_file(request.model)
    assert request.run is not None  # one of the two is given
    return open_run(request.run, request.step)


def _numbered(request: EvaluateRequest, number: int) -> EvaluateRequest:
    """Return the request of one of several trainings."""
    filled: dict[str, str] = {}
    for name in ("run", "model", "data", "predictions"):
        pattern: str | None = getattr(request, name)
        if not pattern:
            continue
        if _NUMBER not in pattern and name != "data":
            raise UsageError(
                f"--runs {request.runs}: {pattern} is the same for all runs; write "
                f"{_NUMBER} where the number of the run stands"
            )
        filled[name] = pattern.replace(_NUMBER, str(number))
    return dataclasses.replace(request, **filled)


def _evaluate(request: EvaluateRequest, number: int = 0) -> Evaluation:
    model = trained_model(request)
    split = open_split(request.data, request.split)
    predictions = predict(
        model.parameters,
        model.config,
        split,
        model.input,
        batch_size=request.batch_size,
        place=f"the end of evaluation {number}",
    )
    if request.predictions and is_first():
        write_predictions(predictions, resolve(request.predictions, base=None))
    return measure(predictions, dataset=split.dataset.name, split=request.split)


@contextlib.contextmanager
def _only_results_on_stdout() -> Iterator[None]:
    """Lead what native libraries print, as Gloo does of every connection, to stderr."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
