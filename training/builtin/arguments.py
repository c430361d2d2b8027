"""The arguments of `musiq-train builtin`."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from schemas.legacy_arguments import ArgumentParser, flags_of, positive, refuse_unknown

_EPILOG = """\
About an hour and a half on two cores. A run that was stopped goes on when the same
command is given again.

Example: musiq-train builtin --photos photos/ --labelled BIQ2021/ --output builtin/
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuiltinRequest:
    """What the built-in model is made of, and where.

    Attributes:
      photos: Folder of good photos with `train/` and `manifest.csv`.
      labelled: The release of BIQ2021.
      output: The run's folder.
      processes: Processes that make images while the model trains.
    """

    photos: Path
    labelled: Path
    output: Path
    processes: int = 1

    @classmethod
    def from_args(cls, args: argparse.Namespace) -> "BuiltinRequest":
        """Return what the command line asks for."""
        return cls(
            photos=Path(args.photos),
            labelled=Path(args.labelled),
            output=Path(args.output),
            processes=args.processes,
        )


def add_program(programs: Any, name: str) -> None:
    """Add `musiq-train builtin` to the subcommands."""
    parser: ArgumentParser = programs.add_parser(
        name,
        help="make the model that comes with the package",
        description="Train the small model that comes with the package: first on "
        "photos that are degraded by known amounts, then on human scores.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--photos",
        required=True,
        metavar="DIR",
        help="good photos of any shape: train/ and manifest.csv with the columns name "
        "and source_repo",
    )
    parser.add_argument(
        "--labelled",
        required=True,
        metavar="DIR",
        help="the release of BIQ2021: Images/ and its two label files",
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="DIR",
        help="the run's folder; builtin.safetensors comes last",
    )
    parser.add_argument(
        "--processes",
        type=positive(int),
        default=BuiltinRequest.processes,
        metavar="N",
        help="processes that make images while the model trains (default: %(default)s)",
    )
    parser.set_defaults(run=_run, flags=flags_of(parser))


def _run(args: argparse.Namespace, rest: list[str]) -> int:
    refuse_unknown("musiq-train builtin", rest, args.flags)
    from training.builtin.command import run

    return run(BuiltinRequest.from_args(args))
