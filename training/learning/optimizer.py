"""Optimisers and the learning rate's course: warm-up, then a cosine down to 0."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import optax

NAMES = ("adamw", "sgd")
_MOMENTUM_DTYPES = ("float32", "bfloat16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optimizer:
    """An optimiser for a number of steps.

    Attributes:
      transformation: What turns gradients into updates.
      learning_rate: The learning rate of the step after so many steps.
    """

    transformation: optax.GradientTransformation
    learning_rate: optax.Schedule


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How parameters follow their gradients.

    Attributes:
      name: `adamw` or `sgd` (with momentum).
      learning_rate: At its highest, after the warm-up.
      warmup_steps: Steps from 0 to there.
      weight_decay: Decoupled: in every step, learning rate x this share of a kernel is
        taken off. Biases, norms and embeddings are spared. Only for `adamw`.
      b1: Decay of the first moment, and the momentum of `sgd`.
      b2: Decay of the second moment of `adamw`.
      momentum_dtype: How the first moment is kept, `float32` or `bfloat16`.
      clip_norm: Gradients longer than this are shortened to it; None leaves them.
    """

    name: str
    learning_rate: float
    warmup_steps: int = 0
    weight_decay: float = 0.0
    b1: float = 0.9
    b2: float = 0.999
    momentum_dtype: str = "float32"
    clip_norm: float | None = None

    def __post_init__(self):
        for field, value, known in (
            ("name", self.name, NAMES),
            ("momentum_dtype", self.momentum_dtype, _MOMENTUM_DTYPES),
        ):
            if value not in known:
                raise ValueError(
                    f"{field} must be one of {', '.join(known)}, got {value!r}"
                )
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise ValueError(
                f"learning_rate must be positive, got {self.learning_rate}"
            )
        if self.warmup_steps < 0:
            raise ValueError(f"warmup_steps must be >= 0, got {self.warmup_steps}")
        if self.weight_decay < 0 or (self.weight_decay and self.name != "adamw"):
            raise ValueError(
                "weight_decay must be >= 0, and 0 for sgd, got "
                f"{self.weight_decay} for {self.name}"
            )
        for field, value in (("b1", self.b1), ("b2", self.b2)):
            if not 0 <= value < 1:
                raise ValueError(f"{field} must be in [0, 1), got {value}")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise ValueError(f"clip_norm must be positive, got {self.clip_norm}")

    def build(self, step_count: int) -> Optimizer:
        """Return an optimiser whose learning rate falls to 0 over `step_count` steps.

        Raises:
          ValueError: If the warm-up takes all steps.
        """
        if self.warmup_steps >= step_count:
            raise ValueError(
                f"warmup_steps ({self.warmup_steps}) must be fewer than the steps of "
                f"the whole run ({step_count})"
            )
        if self.warmup_steps:
            schedule = optax.warmup_cosine_decay_schedule(
                init_value=0.0,
                peak_value=self.learning_rate,
                warmup_steps=self.warmup_steps,
                decay_steps=step_count,
            )
        else:
            schedule = optax.cosine_decay_schedule(self.learning_rate, step_count)
        dtype = jnp.dtype(self.momentum_dtype)
        if self.name == "adamw":
            descent = optax.adamw(
                schedule,
                b1=self.b1,
                b2=self.b2,
                mu_dtype=dtype,
                weight_decay=self.weight_decay,
                mask=kernels_only,
            )
        else:
            descent = optax.sgd(schedule, momentum=self.b1, accumulator_dtype=dtype)
        if self.clip_norm is not None:
            descent = optax.chain(optax.clip_by_global_norm(self.clip_norm), descent)
        return Optimizer(transformation=descent, learning_rate=schedule)


def kernels_only(params: Any) -> Any:
    """Return a tree of the same form that is True for kernels alone.

    Weight decay spares biases, the scales of norms and the embeddings, which it would
    only pull to 0: a choice of ours, the paper says nothing of it.
    """
    return jax.tree_util.tree_map_with_path(
        lambda path, _: path[-1] == jax.tree_util.DictKey("kernel"), params
    )
