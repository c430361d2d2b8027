"""The arguments of `musiq-train builtin`."""

import argparse
from typing import Any

from schemas.legacy_arguments import ArgumentParser, flags_of, positive

_EPILOG = """\
About an hour and a half on two cores. A run that was stopped goes on when the same
command is given again.

Example: musiq-train builtin --photos photos/ --labelled BIQ2021/ --output builtin/
"""


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
        default=1,
        metavar="N",
        help="processes that make images while the model trains (default: 1)",
    )
    parser.set_defaults(run=_run, flags=flags_of(parser))


def _run(args: argparse.Namespace, rest: list[str]) -> int:
    from training.builtin.command import run

    return run(args, rest)
