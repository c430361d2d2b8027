"""The arguments of `musiq-train evaluate`; light, so that help answers at once."""

import argparse
from typing import Any

from schemas.legacy_arguments import ArgumentParser, flags_of, positive
from training.commands.processes_arguments import add_processes_arguments

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
        dest="model_file",
        metavar="FILE",
        help="a model file, or FOLDER@latest or FOLDER@VERSION, in place of a run",
    )
    parser.add_argument(
        "--step", type=positive(int), metavar="N", help="which checkpoint of the run"
    )
    parser.add_argument(
        "--data", required=True, metavar="DIR", help="a data set of `musiq prepare`"
    )
    parser.add_argument(
        "--split",
        default="test",
        metavar="NAME",
        help="which of its splits (default: test)",
    )
    parser.add_argument(
        "--batch_size",
        type=positive(int),
        metavar="N",
        help="images of a step over all devices (default: 8 for each device)",
    )


def _run(args: argparse.Namespace, rest: list[str]) -> int:
    from training.commands import evaluate_command

    return evaluate_command.run(args, rest)
