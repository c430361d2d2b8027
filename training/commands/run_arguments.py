"""What `musiq-train run` is asked for; light, so that help answers at once."""

from schemas.programs.flags import Flag
from schemas.programs.program import EngineArguments, Program
from training.commands.processes_arguments import PROCESSES_FLAGS
from training.commands.requests import RunRequest
from training.experiments import NAMES

_EPILOG = f"""\
Experiments: {", ".join(NAMES)}.

A run that was stopped goes on where it was when the same command is given again, on as
many devices and processes as there are then.

Exit codes: 0 done, 1 failed, 2 wrong arguments, 143 told to stop, and saved.

Example: musiq-train run --experiment koniq --data data/koniq --output runs/koniq \\
           --set init=imagenet_pretrain.npz
"""


def _run(request: RunRequest, _: EngineArguments) -> int:
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
