"""The `musiq` command: one subcommand a program.

A program's own imports, which take seconds, happen when it runs.
"""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

from pipelines.cleaning.arguments import CLEAN
from pipelines.models.arguments import MODELS
from pipelines.preparing.arguments import PREPARE
from pipelines.samples.arguments import DEMO
from pipelines.scoring.arguments import SCORE
from pipelines.selecting.arguments import SELECT
from pipelines.verifying.arguments import VERIFY
from schemas.programs import command_line

PROGRAMS = (SCORE, SELECT, CLEAN, VERIFY, *MODELS, PREPARE, DEMO)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code.

    Args:
      argv: Arguments without the program's name; those of the process by default.

    Returns:
      0 done, 1 failed, 2 wrong arguments, 3 too many images failed or vanished, 4
      nothing scored, or nothing kept.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _interrupt)
        signal.signal(signal.SIGTERM, _interrupt)
    arguments = sys.argv[1:] if argv is None else argv
    return command_line.run_command(build_parser(), arguments)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all subcommands."""
    return command_line.build_parser(
        "musiq",
        "Score photos for perceptual quality with MUSIQ.",
        "Example: musiq score --input photos/ --output ledger/ "
        "--model koniq.safetensors",
        PROGRAMS,
    )


def _interrupt(*_: object) -> NoReturn:
    """Stop in an orderly way; what threads have to say of it is of no interest."""
    threading.excepthook = lambda _: None
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
