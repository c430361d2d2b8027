"""What `musiq-train run` is asked for; light, so that help answers at once."""

import dataclasses

from schemas.programs.flags import Flag
from schemas.programs.program import Program
from training.commands.processes_arguments import PROCESSES_FLAGS, ProcessesRequest
from training.experiments import NAMES
from training.learning.loop_config import LoopConfig

_EPILOG = f"""\
Experiments: {", ".join(NAMES)}.

A run that was stopped goes on where it was when the same command is given again, on as
many devices and processes as there are then.

Exit codes: 0 done, 1 failed, 2 wrong arguments, 143 told to stop, and saved.

Example: musiq-train run --experiment koniq --data data/koniq --output runs/koniq \\
           --set init=imagenet_pretrain.npz
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunRequest(ProcessesRequest):
    """What is trained, on what, and how the run goes on.

    Attributes:
      experiment: Its name.
      data: A data set of `musiq prepare`.
      output: The run's folder.
      set: Changes of the experiment, such as `batch_size=8`.
      checkpoint_every_steps: As `LoopConfig` has it, and so the next six.
      kept_checkpoints: Of `LoopConfig`.
      log_every_steps: Of `LoopConfig`.
      fsdp_devices: Of `LoopConfig`.
      profile_start_step: Of `LoopConfig`.
      profile_steps: Of `LoopConfig`.
      step_timeout_seconds: Of `LoopConfig`.
    """

    experiment: str
    data: str
    output: str
    set: tuple[str, ...] = ()
    checkpoint_every_steps: int = LoopConfig.checkpoint_every_steps
    kept_checkpoints: int = LoopConfig.kept_checkpoints
    log_every_steps: int = LoopConfig.log_every_steps
    fsdp_devices: int = LoopConfig.fsdp_devices
    profile_start_step: int | None = LoopConfig.profile_start_step
    profile_steps: int = LoopConfig.profile_steps
    step_timeout_seconds: float = LoopConfig.step_timeout_seconds

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


def _run(request: RunRequest, _: list[str]) -> int:
    from training.commands import run_command

    return run_command.run(request)


RUN = Program(
    name="run",
    help="train a model, or go on with a run that was stopped",
    description="Train a model on a data set of `musiq prepare`.",
    epilog=_EPILOG,
    settings=RunRequest,
    run=_run,
    flags=(
        Flag("experiment", "what is learnt and how; see below", "NAME"),
        Flag("data", "a data set of `musiq prepare`", "DIR"),
        Flag(
            "output",
            "the run's folder: new, empty, or the same run's from before",
            "DIR",
        ),
        Flag(
            "set",
            "change the experiment, such as optimizer.learning_rate=2e-4; may be "
            "repeated",
            "NAME=VALUE",
        ),
        Flag("checkpoint_every_steps", "steps from one checkpoint to the next", "N"),
        Flag("kept_checkpoints", "how many of the newest checkpoints stay", "N"),
        Flag(
            "log_every_steps", "steps that one line of numbers is the average of", "N"
        ),
        Flag("fsdp_devices", "devices that share one copy of the parameters", "N"),
        Flag(
            "profile_start_step", "record a profile from step N on (default: none)", "N"
        ),
        Flag("profile_steps", "steps of the profile", "N"),
        Flag("step_timeout_seconds", "how long processes wait for a late one", "S"),
        *PROCESSES_FLAGS,
    ),
)
