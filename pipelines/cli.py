"""The `musiq` command: one subcommand a program.

Only argument definitions are imported here; each program's own imports, which take
seconds, happen when it runs.
"""

import argparse
import importlib
import signal
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

from schemas.errors import UsageError
from schemas.programs import ArgumentParser, accept_hyphens, printable

PROGRAMS = {
    "score": "pipelines.scoring.arguments",
    "clean": "pipelines.cleaning.arguments",
    "verify": "pipelines.verifying.arguments",
    "models": "pipelines.models.arguments",
    "prepare": "pipelines.preparing.arguments",
    "demo": "pipelines.samples.arguments",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code.

    Args:
      argv: Arguments without the program's name; those of the process by default.

    Returns:
      0 done, 1 failed, 2 wrong arguments, 3 failure budget exceeded, 4 nothing scored.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _interrupt)
        signal.signal(signal.SIGTERM, _interrupt)
    arguments = accept_hyphens(sys.argv[1:] if argv is None else argv)
    parser = build_parser()
    args, rest = parser.parse_known_args(arguments)
    try:
        return args.run(args, rest)
    except UsageError as error:
        print(f"musiq {args.program}: error: {printable(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"musiq {args.program}: interrupted", file=sys.stderr)
        return 1


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all subcommands."""
    parser = ArgumentParser(
        prog="musiq",
        description="Score photos for perceptual quality with MUSIQ.",
        epilog="Example: musiq score --input photos/ --output ledger/ "
        "--model koniq.safetensors",
    )
    programs = parser.add_subparsers(dest="program", required=True, metavar="PROGRAM")
    for name, module in PROGRAMS.items():
        importlib.import_module(module).add_program(programs, name)
    return parser


def _interrupt(*_: object) -> NoReturn:
    """Stop in an orderly way; what threads have to say of it is of no interest."""
    threading.excepthook = lambda _: None
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
