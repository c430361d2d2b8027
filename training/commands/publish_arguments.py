"""What `musiq-train publish` is asked for; light, so that help answers at once."""

import argparse
import dataclasses
from typing import Any

from schemas.legacy_arguments import ArgumentParser, flags_of, positive, refuse_unknown

_EPILOG = """\
The model is measured first, on --split of --data. If the folder has a version that has
a higher SRCC on the same examples, nothing is published. Pipelines then name a version,
or the latest: musiq score --model gs://bucket/models/koniq@latest ...

Exit codes: 0 published (or the same file was before), 1 refused as worse, 2 wrong
arguments.

Example: musiq-train publish --run runs/koniq --data data/koniq --name koniq \\
           --output gs://bucket/models
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishRequest:
    """Which model is published, where, and what measures it.

    Attributes:
      run_folder: The output of `musiq-train run`.
      step: Which of its checkpoints; the newest by default.
      data: The data set that it was trained on.
      split: The split that measures it.
      batch_size: Images of a step over all devices; eight for each by default.
      output: The folder of all models.
      name: Of the model.
      licence: Terms of the parameters, for the card.
      force: Whether a model is published that is worse than the one before.
      as_json: Whether JSON is printed in place of lines.
    """

    run_folder: str
    step: int | None = None
    data: str
    split: str = "test"
    batch_size: int | None = None
    output: str
    name: str
    licence: str = "no terms were stated for the parameters"
    force: bool = False
    as_json: bool = False

    @classmethod
    def from_args(cls, args: argparse.Namespace) -> "PublishRequest":
        """Return what the command line asks for."""
        return cls(
            run_folder=args.run_folder,
            step=args.step,
            data=args.data,
            split=args.split,
            batch_size=args.batch_size,
            output=args.output,
            name=args.name,
            licence=args.licence,
            force=args.force,
            as_json=args.json,
        )


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
        default=PublishRequest.split,
        metavar="NAME",
        help="which of its splits measures the model (default: %(default)s)",
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
        help="the folder of all models, local or on gs:// or s3://; the file becomes "
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
        default=PublishRequest.licence,
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
    refuse_unknown("musiq-train publish", rest, args.flags)
    from training.commands import publish_command

    return publish_command.run(PublishRequest.from_args(args))
