"""What `musiq-train evaluate` is asked for; light, so that help answers at once."""

import argparse
import dataclasses
from typing import Any

from schemas.legacy_arguments import ArgumentParser, flags_of, positive, refuse_unknown
from training.commands.processes_arguments import (
    add_processes_arguments,
    processes_of,
)
from training.running.processes_config import ProcessesConfig

_EPILOG = """\
A correlation with something constant has no value: "undefined", null in JSON.

Ten trainings on ten splits, as papers report them, each made by
  musiq prepare koniq10k --input koniq10k/ --output data/koniq-$i \\
      --split random --seed $i
  musiq-train run --experiment koniq --data data/koniq-$i --output runs/koniq-$i \\
      --set seed=$i
for i in 0..9, are evaluated together by
  musiq-train evaluate --runs 10 --run 'runs/koniq-{run}' --data 'data/koniq-{run}'

Example: musiq-train evaluate --run runs/koniq --data data/koniq --split test
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateRequest:
    """What is measured, on what, and how it is told.

    Attributes:
      run_folder: The output of `musiq-train run`; None if a model is given.
      model: What `musiq score --model` takes; None if a run is given.
      step: Which checkpoint of the run; the newest by default.
      data: A data set of `musiq prepare`.
      split: Which of its splits.
      batch_size: Images of a step over all devices; eight for each by default.
      runs: How many numbered trainings are measured; None for one that has no number.
      predictions: Parquet file for every prediction, on any store.
      as_json: Whether JSON is printed in place of a table.
      processes: How the processes find each other.
    """

    run_folder: str | None = None
    model: str | None = None
    step: int | None = None
    data: str
    split: str = "test"
    batch_size: int | None = None
    runs: int | None = None
    predictions: str | None = None
    as_json: bool = False
    processes: ProcessesConfig = dataclasses.field(default_factory=ProcessesConfig)

    @classmethod
    def from_args(cls, args: argparse.Namespace) -> "EvaluateRequest":
        """Return what the command line asks for."""
        return cls(
            run_folder=args.run_folder,
            model=args.model,
            step=args.step,
            data=args.data,
            split=args.split,
            batch_size=args.batch_size,
            runs=args.runs,
            predictions=args.predictions,
            as_json=args.json,
            processes=processes_of(args),
        )


def add_program(programs: Any, name: str) -> None:
    """Add `musiq-train evaluate` to the subcommands."""
    parser: ArgumentParser = programs.add_parser(
        name,
        help="measure a model against the labels of a split",
        description="Measure a model against the labels of a split: SRCC, PLCC (raw, "
        "and under another name after a logistic fit), RMSE, for AVA also accuracy at "
        "5, MSE and EMD, each with a 95 % bootstrap interval.",
        epilog=_EPILOG,
    )
    _add_model_arguments(parser)
    parser.add_argument(
        "--runs",
        type=positive(int),
        metavar="N",
        help="evaluate N trainings, numbered from 0, and give mean and standard "
        "deviation over them; {run} in --run, --model, --data and --predictions "
        "stands for the number",
    )
    parser.add_argument(
        "--predictions",
        metavar="FILE",
        help="write name, group, label and prediction of every example to this "
        "Parquet file, and the distributions if there are any",
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON instead of a table"
    )
    add_processes_arguments(parser)
    parser.set_defaults(run=_run, flags=flags_of(parser))


def _add_model_arguments(parser: ArgumentParser) -> None:
    """Add what says which model is measured, and on what."""
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument(
        "--run",
        dest="run_folder",
        metavar="DIR",
        help="the --output of `musiq-train run`: its newest checkpoint, or that of "
        "--step; the moving average of the parameters if the run kept one",
    )
    model.add_argument(
        "--model",
        metavar="FILE",
        help="in place of a run, a model file, local or on gs:// or s3://, "
        "FOLDER@latest or FOLDER@VERSION, or `builtin`",
    )
    parser.add_argument(
        "--step", type=positive(int), metavar="N", help="which checkpoint of the run"
    )
    parser.add_argument(
        "--data", required=True, metavar="DIR", help="a data set of `musiq prepare`"
    )
    parser.add_argument(
        "--split",
        default=EvaluateRequest.split,
        metavar="NAME",
        help="which of its splits (default: %(default)s)",
    )
    parser.add_argument(
        "--batch_size",
        type=positive(int),
        metavar="N",
        help="images of a step over all devices (default: 8 for each device)",
    )


def _run(args: argparse.Namespace, rest: list[str]) -> int:
    refuse_unknown("musiq-train evaluate", rest, args.flags)
    from training.commands import evaluate_command

    return evaluate_command.run(EvaluateRequest.from_args(args))
