"""The `musiq-train` command: one subcommand a program.

A program's own imports, which take seconds, happen when it runs.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from schemas.programs import command_line
from training.builtin.arguments import BUILTIN
from training.commands.evaluate_arguments import EVALUATE
from training.commands.publish_arguments import PUBLISH
from training.commands.run_arguments import RUN
from training.errors import Preempted, ProcessLost, TrainingDiverged, WorseModelError

PROGRAMS = (RUN, EVALUATE, PUBLISH, BUILTIN)
_OURS = ("schemas", "musiq_core", "pipelines", "training")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code.

    Args:
      argv: Arguments without the program's name; those of the process by default.

    Returns:
      0 done, 1 failed, 2 wrong arguments, 143 told to stop and saved.
    """
    arguments = sys.argv[1:] if argv is None else argv
    return command_line.run_command(build_parser(), arguments, ending_of=_ending_of)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all subcommands."""
    return command_line.build_parser(
        "musiq-train",
        "Train MUSIQ, measure it and publish model files.",
        "Example: musiq-train run --experiment koniq --data data/koniq "
        "--output runs/koniq",
        PROGRAMS,
    )


def _ending_of(error: BaseException) -> command_line.Ending | None:
    """Return the line and the exit code of what ends a training program."""
    if isinstance(error, ProcessLost):
        # An orderly end would wait for the process that does not come.
        return command_line.Ending(f"error: {error}", 1, at_once=os._exit)
    if isinstance(error, TrainingDiverged | WorseModelError):
        return command_line.Ending(f"error: {error}", 1)
    if isinstance(error, Preempted):
        done = f"stopped after step {error.step}; the same command goes on from there"
        return command_line.Ending(done, 143)
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        if package not in ("", *_OURS):
            cure = "pip install 'musiq[train]'"
            return command_line.Ending(f"error: {package} is not installed: {cure}", 2)
    return None


if __name__ == "__main__":
    sys.exit(main())
