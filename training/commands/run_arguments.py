"""What `musiq-train run` is asked for; light, so that help answers at once."""

import argparse
import dataclasses
from typing import Any

from schemas.legacy_arguments import ArgumentParser, flags_of, positive, refuse_unknown
from training.commands.processes_arguments import (
    add_processes_arguments,
    processes_of,
)
from training.experiments import NAMES
from training.learning.loop_config import LoopConfig
from training.running.processes_config import ProcessesConfig

_EPILOG = f"""\
Experiments: {", ".join(NAMES)}.

A run that was stopped goes on where it was when the same command is given again, on as
many devices and processes as there are then.

Exit codes: 0 done, 1 failed, 2 wrong arguments, 143 told to stop, and saved.

Example: musiq-train run --experiment koniq --data data/koniq --output runs/koniq \\
           --set init=imagenet_pretrain.npz
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What is trained, on what, and how the run goes on.

    Attributes:
      experiment: Its name.
      data: A data set of `musiq prepare`.
      output: The run's folder.
      settings: Changes of the experiment, such as `batch_size=8`.
      checkpoint_every_steps: As `LoopConfig` has it, and so the next six.
      kept_checkpoints: Of `LoopConfig`.
      log_every_steps: Of `LoopConfig`.
      fsdp_devices: Of `LoopConfig`.
      profile_start_step: Of `LoopConfig`.
      profile_steps: Of `LoopConfig`.
      step_timeout_seconds: Of `LoopConfig`.
      processes: How the processes find each other.
    """

    experiment: str
    data: str
    output: str
    settings: tuple[str, ...] = ()
    checkpoint_every_steps: int = LoopConfig.checkpoint_every_steps
    kept_checkpoints: int = LoopConfig.kept_checkpoints
    log_every_steps: int = LoopConfig.log_every_steps
    fsdp_devices: int = LoopConfig.fsdp_devices
    profile_start_step: int | None = LoopConfig.profile_start_step
    profile_steps: int = LoopConfig.profile_steps
    step_timeout_seconds: float = LoopConfig.step_timeout_seconds
    processes: ProcessesConfig = dataclasses.field(default_factory=ProcessesConfig)

    @classmethod
    def from_args(cls, args: argparse.Namespace) -> "RunRequest":
        """Return what the command line asks for."""
        return cls(
            experiment=args.experiment,
            data=args.data,
            output=args.output,
            settings=tuple(args.settings),
            checkpoint_every_steps=args.checkpoint_every_steps,
            kept_checkpoints=args.kept_checkpoints,
            log_every_steps=args.log_every_steps,
            fsdp_devices=args.fsdp_devices,
            profile_start_step=args.profile_start_step,
            profile_steps=args.profile_steps,
            step_timeout_seconds=args.step_timeout_seconds,
            processes=processes_of(args),
        )

    def loop_config(
        self, *, step_count: int, seed: int, ema_decay: float | None
    ) -> LoopConfig:
        """Return how the run goes on, given what the experiment decides."""
        return LoopConfig(
            step_count=step_count,
            seed=seed,
            ema_decay=ema_decay,
            checkpoint_every_steps=self.checkpoint_every_steps,
            kept_checkpoints=self.kept_checkpoints,
            log_every_steps=self.log_every_steps,
            fsdp_devices=self.fsdp_devices,
            profile_start_step=self.profile_start_step,
            profile_steps=self.profile_steps,
            step_timeout_seconds=self.step_timeout_seconds,
        )


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
    for flag, text in (
        ("checkpoint_every_steps", "steps from one checkpoint to the next"),
        ("kept_checkpoints", "how many of the newest checkpoints stay"),
        ("log_every_steps", "steps that one line of numbers is the average of"),
        ("fsdp_devices", "devices that share one copy of the parameters"),
        ("profile_steps", "steps of the profile"),
        ("step_timeout_seconds", "how long processes wait for a late one"),
    ):
        parser.add_argument(
            f"--{flag}",
            type=positive(int),
            default=getattr(RunRequest, flag),
            metavar="N",
            help=f"{text} (default: %(default)s)",
        )
    parser.add_argument(
        "--profile_start_step",
        type=positive(int),
        metavar="N",
        help="record a profile from step N on (default: none)",
    )


def _run(args: argparse.Namespace, rest: list[str]) -> int:
    refuse_unknown("musiq-train run", rest, args.flags)
    from training.commands import run_command

    return run_command.run(RunRequest.from_args(args))
