"""What a model learns: its starting parameters and the loss of a batch."""

import dataclasses
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from musiq_core.config import ModelConfig
from musiq_core.network.model import Musiq
from training.learning.losses import LOSSES

Params = Any


class Task(Protocol):
    """Everything that the loop needs to know of a model; pure functions of arrays."""

    def init(self, key: jax.Array) -> Params:
        """Return parameters to start from, a tree of float32 arrays."""
        ...

    def loss(
        self, params: Params, batch: dict[str, jax.Array], step: jax.Array
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Return the loss of a batch and other scalars worth logging."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreTask(Task):
    """MUSIQ that learns the labels of a data set.

    Attributes:
      model: The architecture.
      loss_name: One of `training.learning.losses.LOSSES`.
    """

    model: ModelConfig
    loss_name: str

    def __post_init__(self):
        if self.loss_name not in LOSSES:
            raise ValueError(
                f"loss must be one of {', '.join(LOSSES)}, got {self.loss_name!r}"
            )

    def init(self, key: jax.Array) -> Params:
        """Return the published starting values; the head is 0."""
        patch = self.model.preprocessing.patch_size
        token = jnp.zeros((1, 1), jnp.int32)
        pixels = jnp.zeros((1, 1, patch * patch * 3), jnp.float32)
        variables = Musiq(self.model).init(key, pixels, token, token, token > -1)
        return variables["params"]

    def loss(
        self, params: Params, batch: dict[str, jax.Array], step: jax.Array
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Return the mean loss of the images of a batch."""
        del step
        logits = Musiq(self.model).apply(
            {"params": params},
            batch["pixels"],
            batch["positions"],
            batch["scale_ids"],
            batch["mask"],
        )
        assert isinstance(logits, jax.Array)  # apply returns a pair only if asked to
        return LOSSES[self.loss_name].of(logits, batch["labels"]).mean(), {}
