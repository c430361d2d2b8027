"""The arguments of `musiq-train publish`; light, so that help answers at once."""

import argparse
from typing import Any

from schemas.legacy_arguments import ArgumentParser, flags_of, positive

_EPILOG = """\
The model is measured first, on --split of --data. If the folder has a version that has
a higher SRCC on the same examples, nothing is published. Pipelines then name a version,
or the latest: musiq score --model gs://bucket/models/koniq@latest ...

Exit codes: 0 published (or the same file was before), 1 refused as worse, 2 wrong
arguments.

Example: musiq-train publish --run runs/koniq --data data/koniq --name koniq \\
           --output gs://bucket/models
"""


def add_program(programs: Any, name: str) -> None:
    """Add `musiq-train publish` to the subcommands."""
    parser: ArgumentParser = programs.add_parser(
        name,
        help="make a model file of a run, for `musiq score`",
        description="Measure a run's parameters, make a model file of them that says "
        "what it is and proves what it computes, and put it under the next version of "
        "OUTPUT/NAME. Versions are never replaced.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--run",
        dest="run_folder",
        required=True,
        metavar="DIR",
        help="the --output of `musiq-train run`: its newest checkpoint, or that of "
        "--step; the moving average of the parameters if the run kept one",
    )
    parser.add_argument(
        "--step", type=positive(int), metavar="N", help="which checkpoint of the run"
    )
    parser.add_argument(
        "--data",
        required=True,
        metavar="DIR",
        help="the data set of `musiq prepare` that the run was trained on",
    )
    parser.add_argument(
        "--split",
        default="test",
        metavar="NAME",
        help="which of its splits measures the model (default: test)",
    )
    parser.add_argument(
        "--batch_size",
        type=positive(int),
        metavar="N",
        help="images of a step over all devices (default: 8 for each device)",
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="DIR",
        help="the folder of all models, local or on gs://; the file becomes "
        "DIR/NAME/00000001.safetensors, or the next number",
    )
    parser.add_argument(
        "--name",
        required=True,
        metavar="NAME",
        help="of the model: a-z, 0-9 and underscores; ledgers have it in the column "
        "musiq_NAME",
    )
    parser.add_argument(
        "--licence",
        metavar="TEXT",
        help="terms of the parameters, for the model card (default: that none were "
        "stated); the data set's own are added",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="publish the model even if an older version is better",
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON instead of lines"
    )
    parser.set_defaults(run=_run, flags=flags_of(parser))


def _run(args: argparse.Namespace, rest: list[str]) -> int:
    from training.commands import publish_command

    return publish_command.run(args, rest)
