"""The arguments of `musiq demo`; light, so that help answers at once."""

import argparse
from typing import Any

from schemas.programs import ArgumentParser, flags_of

_EPILOG = "Example: musiq demo"


def add_program(programs: Any, name: str) -> None:
    """Add `musiq demo` to the subcommands."""
    parser: ArgumentParser = programs.add_parser(
        name,
        help="make sample photos, score them and show the scores",
        description="Make sample photos, a few good ones and degraded versions of "
        "them, score them and show the scores.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--photos",
        default="samples",
        metavar="DIR",
        help="where the photos are written (default: samples)",
    )
    parser.add_argument(
        "--output",
        default="samples-ledger",
        metavar="DIR",
        help="the ledger's folder (default: samples-ledger)",
    )
    parser.add_argument(
        "--model",
        default="builtin",
        metavar="[NAME=]FILE",
        help="as of `musiq score` (default: builtin)",
    )
    parser.set_defaults(run=_run, flags=flags_of(parser))


def _run(args: argparse.Namespace, rest: list[str]) -> int:
    from pipelines.samples import command

    return command.run(args, rest)
