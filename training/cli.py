"""The `musiq-train` command: one subcommand a program.

Only argument definitions are imported here; each program's own imports, which take
seconds, happen when it runs.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from schemas.errors import MusiqError
from schemas.legacy_arguments import ArgumentParser, accept_hyphens
from schemas.text import printable
from training.builtin import arguments as builtin_arguments
from training.commands import evaluate_arguments, publish_arguments, run_arguments
from training.errors import Preempted, ProcessLost, TrainingDiverged, WorseModelError

PROGRAMS = {
    "run": run_arguments.add_program,
    "evaluate": evaluate_arguments.add_program,
    "publish": publish_arguments.add_program,
    "builtin": builtin_arguments.add_program,
}
_OURS = ("schemas", "musiq_core", "pipelines", "training")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code.

    Args:
      argv: Arguments without the program's name; those of the process by default.

    Returns:
      0 done, 1 failed, 2 wrong arguments, 143 told to stop and saved.
    """
    arguments = accept_hyphens(sys.argv[1:] if argv is None else argv)
    args, rest = build_parser().parse_known_args(arguments)
    try:
        return args.run(args, rest)
    except ProcessLost as error:
        _fail(args.program, f"error: {error}", 1)
        # An orderly end would wait for the process that does not come.
        sys.stderr.flush()
        os._exit(1)
    except (TrainingDiverged, WorseModelError) as error:
        return _fail(args.program, f"error: {error}", 1)
    except MusiqError as error:
        return _fail(args.program, f"error: {error}", 2)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", *_OURS):
            raise
        cure = "pip install 'musiq[train]'"
        return _fail(args.program, f"error: {package} is not installed: {cure}", 2)
    except Preempted as stop:
        done = f"stopped after step {stop.step}; the same command goes on from there"
        return _fail(args.program, done, 143)
    except KeyboardInterrupt:
        return _fail(args.program, "interrupted", 1)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all subcommands."""
    parser = ArgumentParser(
        prog="musiq-train",
        description="Train MUSIQ, measure it and publish model files.",
        epilog="Example: musiq-train run --experiment koniq --data data/koniq "
        "--output runs/koniq",
    )
    programs = parser.add_subparsers(dest="program", required=True, metavar="PROGRAM")
    for name, add_program in PROGRAMS.items():
        add_program(programs, name)
    return parser


def _fail(program: str, message: str, code: int) -> int:
    print(f"musiq-train {program}: {printable(message)}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
