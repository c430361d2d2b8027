"""The training loop: batches in; steps, numbers and checkpoints out."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jax.sharding import Mesh

from training.errors import Preempted
from training.learning.compiled_steps import CompiledSteps
from training.learning.loop_config import LoopConfig
from training.learning.optimizer import Optimizer
from training.learning.sharding import (
    make_mesh,
    place_batch,
    place_whole,
    state_shardings,
)
from training.learning.task import Params, Task
from training.learning.train_state import TrainState, start_state
from training.running.checkpoints import Checkpoints
from training.running.processes import meet
from training.running.profiler_window import ProfilerWindow
from training.running.step_log import StepLog
from training.running.stop_signal import StopSignal

Batch = dict[str, np.ndarray]


def train(
    task: Task,
    optimizer: Optimizer,
    batches: Callable[[int], Iterator[Batch]],
    config: LoopConfig,
    output: str,
    *,
    initial: Mapping[str, np.ndarray] | None = None,
) -> TrainState:
    """Train, or go on with a run that ended early.

    Args:
      task: What is learnt.
      optimizer: How.
      batches: Takes the steps already done and gives the batches from there on, each
        with the images of this process; all processes' have the same shapes.
      config: How long, and the rest.
      output: Folder of the run, for checkpoints and metrics; a folder that has
        checkpoints is gone on with.
      initial: Parameters by full name to start from instead of the task's own; names
        that are not in it start as the task says.

    Returns:
      The state after the last step, which is saved too.

    Raises:
      Preempted: On SIGTERM, after saving; the same call goes on from there.
      TrainingDiverged: If a loss or gradient is not finite.
      ProcessLost: If another process does not come.
    """
    mesh = make_mesh(config.fsdp_devices)
    with (
        StopSignal() as stop,
        Checkpoints(output, kept=config.kept_checkpoints) as checkpoints,
    ):
        state = _restore_or_start(task, optimizer, config, mesh, checkpoints, initial)
        start = int(state.step)
        if start >= config.step_count:
            return state
        steps = CompiledSteps(
            task, optimizer, ema_decay=config.ema_decay, mesh=mesh, state=state
        )
        iterator = batches(start)
        with (
            _open_log(config, output, start) as log,
            _open_profiler(config, output) as profiler,
            jax.transfer_guard("disallow"),
        ):
            for step in range(start + 1, config.step_count + 1):
                profiler.before(step)
                batch = place_batch(next(iterator), mesh)
                state, numbers = steps.make_step(state, batch)
                log.add(step, numbers)
                is_last = step == config.step_count
                is_stopping = stop.is_reached(step) and not is_last
                saves = step % config.checkpoint_every_steps == 0 or is_last
                if saves or is_stopping or step % config.log_every_steps == 0:
                    # Before saving, so that no checkpoint holds what is not a number.
                    log.flush()
                if saves or is_stopping:
                    checkpoints.save(step, state)
                if is_stopping:
                    checkpoints.wait()
                    raise Preempted(step)
        checkpoints.wait()
        # Nobody leaves while others may still need them.
        meet("the end", timeout_seconds=config.step_timeout_seconds)
    return state


def _restore_or_start(
    task: Task,
    optimizer: Optimizer,
    config: LoopConfig,
    mesh: Mesh,
    checkpoints: Checkpoints,
    initial: Mapping[str, np.ndarray] | None,
) -> TrainState:
    """Return the newest saved state, or a new one, placed on the mesh."""

    def start(params: Params) -> TrainState:
        keep_ema = config.ema_decay is not None
        return start_state(params, optimizer, keep_ema=keep_ema)

    key = jax.random.key(config.seed)
    param_shapes = jax.eval_shape(task.init, key)
    shapes = jax.eval_shape(start, param_shapes)
    shardings = state_shardings(shapes, mesh)
    if (newest := checkpoints.newest_step) is not None:
        target = jax.tree.map(
            lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s),
            shapes,
            shardings,
        )
        return checkpoints.restore(newest, target)
    params = jax.jit(task.init, out_shardings=shardings.params)(key)
    if initial:
        places: dict[str, Any] = flatten_dict(shardings.params, sep="/")
        flat: dict[str, Any] = flatten_dict(params, sep="/")
        flat |= {name: place_whole(a, places[name]) for name, a in initial.items()}
        params = unflatten_dict(flat, sep="/")
    return jax.jit(start, out_shardings=shardings)(params)


def _open_log(config: LoopConfig, output: str, start_step: int) -> StepLog:
    return StepLog(
        output,
        start_step=start_step,
        step_count=config.step_count,
        timeout_seconds=config.step_timeout_seconds,
    )


def _open_profiler(config: LoopConfig, output: str) -> ProfilerWindow:
    return ProfilerWindow(
        output,
        start_step=config.profile_start_step,
        step_count=config.profile_steps,
    )
