"""What training changes, and the pure functions that start it and make one step."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from training.learning.optimizer import Optimizer
from training.learning.task import Params, Task


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainState:
    """Everything that a checkpoint holds.

    Attributes:
      step: int32, steps done.
      params: What the task learns, float32.
      opt_state: The optimiser's moments and counters.
      ema: Moving average of `params`, or None.
    """

    step: jax.Array
    params: Params
    opt_state: Any
    ema: Params | None


def start_state(params: Params, optimizer: Optimizer, *, keep_ema: bool) -> TrainState:
    """Return the state before the first step."""
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        opt_state=optimizer.transformation.init(params),
        ema=jax.tree.map(jnp.copy, params) if keep_ema else None,
    )


def train_step(
    state: TrainState,
    batch: dict[str, jax.Array],
    *,
    task: Task,
    optimizer: Optimizer,
    ema_decay: float | None,
    gather: Callable[[Params], Params] = lambda params: params,
) -> tuple[TrainState, dict[str, jax.Array]]:
    """Make one step.

    Args:
      state: Before the step.
      batch: The global batch.
      task: Gives the loss.
      optimizer: Turns gradients into updates.
      ema_decay: How much the moving average keeps in each step once it is old; the
        first averages are short: (1 + step) / (10 + step) of it.
      gather: Brings together parameters that are cut over devices.

    Returns:
      The state after the step, and scalars: the task's own, `loss`, `gradient_norm` and
      `learning_rate`.
    """
    gradient_of = jax.value_and_grad(task.loss, has_aux=True)
    (loss, metrics), gradients = gradient_of(gather(state.params), batch, state.step)
    updates, opt_state = optimizer.transformation.update(
        gradients, state.opt_state, state.params
    )
    params = optax.apply_updates(state.params, updates)
    ema = state.ema
    if ema_decay is not None:
        keep = jnp.minimum(ema_decay, (1 + state.step) / (10 + state.step))
        ema = jax.tree.map(lambda old, new: keep * old + (1 - keep) * new, ema, params)
    after = TrainState(step=state.step + 1, params=params, opt_state=opt_state, ema=ema)
    return after, metrics | {
        "loss": loss,
        "gradient_norm": optax.tree.norm(gradients),
        "learning_rate": jnp.asarray(optimizer.learning_rate(state.step)),
    }
