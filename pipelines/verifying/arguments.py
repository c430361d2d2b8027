"""The arguments of `musiq verify`; light, so that help answers at once."""

import argparse
from typing import Any

from schemas.programs import ArgumentParser, flags_of

_EPILOG = """\
Exit codes: 0 the ledger is whole, 1 it is not, 2 wrong arguments.

Example: musiq verify --ledger ledger/
"""


def add_program(programs: Any, name: str) -> None:
    """Add `musiq verify` to the subcommands."""
    parser: ArgumentParser = programs.add_parser(
        name,
        help="check a ledger from its files",
        description="Check the newest state of a ledger from its files: digests, "
        "counts, duplicates, schema, models and scores.",
        epilog=_EPILOG,
    )
    parser.add_argument("--ledger", required=True, metavar="DIR", help="the ledger")
    parser.add_argument(
        "--json", action="store_true", help="print JSON instead of lines"
    )
    parser.set_defaults(run=_run, flags=flags_of(parser))


def _run(args: argparse.Namespace, rest: list[str]) -> int:
    from pipelines.verifying import command

    return command.run(args, rest)
