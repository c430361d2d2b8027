"""`musiq-train run`: from arguments to a trained model.

Everything that can be wrong is checked before anything is computed or written.
"""

import functools
import sys

import jax

from schemas.errors import UsageError
from schemas.text import printable
from training.commands.requests import RunRequest
from training.examples.array_record_source import open_split
from training.examples.training_batches import training_batches
from training.experiments import load_experiment
from training.experiments.experiment import Experiment
from training.experiments.run_folder import require_continuable, run_of, write_run
from training.experiments.settings import apply_settings
from training.learning.loop import train
from training.learning.loop_config import LoopConfig
from training.learning.optimizer import Optimizer
from training.learning.task import ScoreTask
from training.models.initial_parameters import read_initial_parameters
from training.running.checkpoints import has_checkpoint
from training.running.processes import is_first, join_processes, meet


def run(request: RunRequest) -> int:
    """Train and return the exit code."""
    experiment = apply_settings(load_experiment(request.experiment), request.set)
    split = open_split(request.data, experiment.split)
    experiment.require_labels(split.dataset)
    config, optimizer = _loop_of(request, experiment, split.example_count)
    record = run_of(experiment, split.dataset)
    require_continuable(request.output, record)

    join_processes(request.processes)
    _require_devices(experiment, config)
    initial = None
    if not has_checkpoint(request.output):
        initial = read_initial_parameters(experiment.init, experiment.model)
    if is_first():
        write_run(request.output, record)
        _show_plan(request, experiment, config, split.example_count)
    meet("the start", timeout_seconds=config.step_timeout_seconds)
    train(
        ScoreTask(model=experiment.model, loss_name=experiment.loss),
        optimizer,
        functools.partial(_batches, experiment, split),
        config,
        request.output,
        initial=initial,
    )
    return 0


def _loop_of(
    request: RunRequest, experiment: Experiment, example_count: int
) -> tuple[LoopConfig, Optimizer]:
    step_count = experiment.step_count(example_count)
    try:
        config = request.loop_config(
            step_count=step_count,
            seed=experiment.seed,
            ema_decay=experiment.ema_decay,
        )
        return config, experiment.optimizer.build(step_count)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _require_devices(experiment: Experiment, config: LoopConfig) -> None:
    """Refuse what cannot be divided among the devices that there are."""
    devices = jax.device_count()
    if experiment.batch_size % devices:
        raise UsageError(
            f"batch_size {experiment.batch_size} is not a multiple of the {devices} "
            "devices; add --set batch_size=N"
        )
    shares = jax.process_count() * experiment.input.images_per_group
    if experiment.batch_size % shares:
        raise UsageError(
            f"batch_size {experiment.batch_size} is not a multiple of {shares}: images "
            "are mixed in pairs within a process; add --set batch_size=N"
        )
    if devices % config.fsdp_devices:
        raise UsageError(
            f"--fsdp_devices {config.fsdp_devices} does not divide the {devices} "
            "devices"
        )


def _batches(experiment: Experiment, split, start_step: int):
    return training_batches(
        split,
        experiment.input,
        batch_size=experiment.batch_size,
        seed=experiment.seed,
        start_step=start_step,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
    )


def _show_plan(
    request: RunRequest,
    experiment: Experiment,
    config: LoopConfig,
    example_count: int,
) -> None:
    kind = jax.devices()[0].device_kind
    line = (
        f"{experiment.name}: {config.step_count} steps of {experiment.batch_size} out "
        f"of {example_count} images, from {experiment.init}, on {jax.device_count()} "
        f"{kind} in {jax.process_count()} processes, to {request.output}"
    )
    print(printable(line), file=sys.stderr)
