"""`musiq-train evaluate`: from arguments to the figures of one model or several."""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator

from schemas.legacy_arguments import refuse_unknown
from training.commands.processes_arguments import processes_of
from training.errors import UsageError
from training.evaluating.evaluation import Evaluation, measure
from training.evaluating.predict import predict
from training.evaluating.predictions import write_predictions
from training.evaluating.show_evaluation import print_evaluation, print_runs
from training.examples.array_record_source import open_split
from training.models.trained_model import TrainedModel, open_model_file, open_run
from training.running.processes import is_first

_NUMBER = "{run}"


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Evaluate and return the exit code; all processes of a run call this."""
    refuse_unknown("musiq-train evaluate", rest, args.flags)
    with _only_results_on_stdout():
        processes_of(args).join()
        numbered = [args] if args.runs is None else _numbered(args)
        if args.runs is not None:
            for one in numbered:  # before the first takes its time
                trained_model(one)
        evaluations = [_evaluate(one) for one in numbered]
    if not is_first():
        return 0
    source = args.run_folder or args.model_file
    if args.runs is None:
        print_evaluation(evaluations[0], source=source, as_json=args.json)
    else:
        print_runs(evaluations, source=source, as_json=args.json)
    return 0


def trained_model(args: argparse.Namespace) -> TrainedModel:
    """Return the model that --run or --model names.

    Raises:
      UsageError: If there is none, or it cannot be used.
    """
    if args.model_file:
        if args.step is not None:
            raise UsageError("--step is of a --run, a --model file has no steps")
        return open_model_file(args.model_file)
    return open_run(args.run_folder, args.step)


def _numbered(args: argparse.Namespace) -> list[argparse.Namespace]:
    """Return the arguments of every single run."""
    names = ("run_folder", "model_file", "data", "predictions")
    for name in names:
        pattern = getattr(args, name)
        if pattern and _NUMBER not in pattern and name != "data":
            raise UsageError(
                f"--runs {args.runs}: {pattern} is the same for all runs; write "
                f"{_NUMBER} where the number of the run stands"
            )
    found = []
    for number in range(args.runs):
        texts = {
            n: getattr(args, n).replace(_NUMBER, str(number))
            for n in names
            if getattr(args, n)
        }
        found.append(argparse.Namespace(**vars(args) | texts))
    return found


def _evaluate(args: argparse.Namespace) -> Evaluation:
    model = trained_model(args)
    split = open_split(args.data, args.split)
    predictions = predict(
        model.parameters, model.config, split, model.input, batch_size=args.batch_size
    )
    if args.predictions and is_first():
        try:
            write_predictions(predictions, args.predictions)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UsageError(f"cannot write {args.predictions}: {reason}") from error
    return measure(predictions, dataset=split.dataset.name, split=args.split)


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
