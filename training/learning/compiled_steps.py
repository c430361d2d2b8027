"""The training step as a program, compiled before any process runs it."""

import functools
from typing import Any

import jax
from jax.sharding import Mesh

from training.learning.optimizer import Optimizer
from training.learning.sharding import batch_sharding, replicated, state_shardings
from training.learning.task import Params, Task
from training.learning.train_state import TrainState, train_step
from training.running.processes import meet

_COMPILE_TIMEOUT_SECONDS = 1800


class CompiledSteps:
    """Makes steps; compiles once for every shape of batches.

    All processes wait for each other after compiling. Otherwise the first to be ready
    would wait inside a collective operation, whose patience is short.
    """

    def __init__(
        self,
        task: Task,
        optimizer: Optimizer,
        *,
        ema_decay: float | None,
        mesh: Mesh,
        state: Any,
    ):
        """Prepare to compile.

        Args:
          task: Gives the loss.
          optimizer: Turns gradients into updates.
          ema_decay: As in `train_step`.
          mesh: Where it runs.
          state: A state, or its shapes.
        """
        shardings = state_shardings(state, mesh)

        def gather(params: Params) -> Params:
            # Left alone, XLA may cut activations as parameters are cut, and gather the
            # images of all devices on each for it.
            return jax.lax.with_sharding_constraint(params, replicated(mesh))

        self._function = jax.jit(
            functools.partial(
                train_step,
                task=task,
                optimizer=optimizer,
                ema_decay=ema_decay,
                gather=gather,
            ),
            donate_argnums=0,
            in_shardings=(shardings, batch_sharding(mesh)),
            out_shardings=(shardings, replicated(mesh)),
        )
        self._programs: dict[Any, jax.stages.Compiled] = {}

    def compile(self, state: Any, batch: dict[str, Any]) -> jax.stages.Compiled:
        """Return the program for batches of such shapes; arrays or shapes will do."""
        shapes = tuple(
            (name, array.shape, str(array.dtype))
            for name, array in sorted(batch.items())
        )
        if shapes not in self._programs:
            self._programs[shapes] = self._function.lower(state, batch).compile()
            place = f"compiled program {len(self._programs)}"
            meet(place, timeout_seconds=_COMPILE_TIMEOUT_SECONDS)
        return self._programs[shapes]

    def make_step(
        self, state: TrainState, batch: dict[str, jax.Array]
    ) -> tuple[TrainState, dict[str, jax.Array]]:
        """Make one step; the state given is used up."""
        return self.compile(state, batch)(state, batch)
