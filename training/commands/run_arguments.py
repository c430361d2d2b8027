"""The arguments of `musiq-train run`; light, so that help answers at once."""

import argparse
from typing import Any

from schemas.legacy_arguments import ArgumentParser, flags_of, positive
from training.commands.processes_arguments import add_processes_arguments
from training.experiments import NAMES

_EPILOG = f"""\
Experiments: {", ".join(NAMES)}.

A run that was stopped goes on where it was when the same command is given again, on as
many devices and processes as there are then.

Exit codes: 0 done, 1 failed, 2 wrong arguments, 143 told to stop, and saved.

Example: musiq-train run --experiment koniq --data data/koniq --output runs/koniq \\
           --set init=imagenet_pretrain.npz
"""


def add_program(programs: Any, name: str) -> None:
    """Add `musiq-train run` to the subcommands."""
    parser: ArgumentParser = programs.add_parser(
        name,
        help="train a model, or go on with a run that was stopped",
        description="Train a model on a data set of `musiq prepare`.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--experiment",
        required=True,
        metavar="NAME",
        help="what is learnt and how; see below",
    )
    parser.add_argument(
        "--data", required=True, metavar="DIR", help="a data set of `musiq prepare`"
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="DIR",
        help="the run's folder: new, empty, or the same run's from before",
    )
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change the experiment, such as optimizer.learning_rate=2e-4; may be "
        "repeated",
    )
    _add_loop_arguments(parser)
    add_processes_arguments(parser)
    parser.set_defaults(run=_run, flags=flags_of(parser))


def _add_loop_arguments(parser: ArgumentParser) -> None:
    """Add what changes nothing of what is learnt."""
    for flag, default, text in (
        ("checkpoint_every_steps", 1000, "steps from one checkpoint to the next"),
        ("kept_checkpoints", 2, "how many of the newest checkpoints stay"),
        ("log_every_steps", 50, "steps that one line of numbers is the average of"),
        ("fsdp_devices", 1, "devices that share one copy of the parameters"),
        ("profile_steps", 5, "steps of the profile"),
        ("step_timeout_seconds", 600, "how long processes wait for a late one"),
    ):
        parser.add_argument(
            f"--{flag}",
            type=positive(int),
            default=default,
            metavar="N",
            help=f"{text} (default: {default})",
        )
    parser.add_argument(
        "--profile_start_step",
        type=positive(int),
        metavar="N",
        help="record a profile from step N on (default: none)",
    )


def _run(args: argparse.Namespace, rest: list[str]) -> int:
    from training.commands import run_command

    return run_command.run(args, rest)
