"""The arguments of `musiq clean`; light, so that help answers at once."""

import argparse
from typing import Any

from schemas.programs import ArgumentParser, flags_of, positive

_EPILOG = "Example: musiq clean --ledger ledger/ --keep 7"


def add_program(programs: Any, name: str) -> None:
    """Add `musiq clean` to the subcommands."""
    parser: ArgumentParser = programs.add_parser(
        name,
        help="remove old states of a ledger and the leavings of failed runs",
        description="Remove all states of a ledger but the newest ones, and every "
        "file that no kept state names: old rows, leavings of failed runs, journals.",
        epilog=_EPILOG,
    )
    parser.add_argument("--ledger", required=True, metavar="DIR", help="the ledger")
    parser.add_argument(
        "--keep",
        type=positive(int),
        default=2,
        metavar="N",
        help="states to keep, the newest among them (default: 2)",
    )
    parser.add_argument(
        "--older_than_hours",
        type=positive(float),
        default=48.0,
        metavar="H",
        help="spare files changed within the last H hours: a run may be going on "
        "(default: 48)",
    )
    parser.add_argument(
        "--dry_run", action="store_true", help="name the files and remove nothing"
    )
    parser.set_defaults(run=_run, flags=flags_of(parser))


def _run(args: argparse.Namespace, rest: list[str]) -> int:
    from pipelines.cleaning import command

    return command.run(args, rest)
