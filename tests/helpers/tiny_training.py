"""Tiny models to train, and batches that follow from the step alone."""

import dataclasses
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from musiq_core.config import ModelConfig, PreprocessingConfig
from training.learning.optimizer import OptimizerConfig
from training.learning.task import ScoreTask, Task

MODEL = ModelConfig(
    preprocessing=PreprocessingConfig(scales=(16,), patch_size=8),
    stem_width=4,
    patch_features=8,
    group_count=2,
    hidden_size=64,
    layer_count=1,
    head_count=2,
    mlp_size=64,
)


@dataclasses.dataclass(frozen=True)
class TwoLayers(Task):
    """Learns a score of the mean token; compiled in a moment."""

    def init(self, key):
        features = MODEL.preprocessing.patch_size**2 * 3
        kernel = jax.random.normal(key, (features, 64)) / features**0.5
        return {
            "hidden": {"kernel": kernel, "bias": jnp.zeros(64)},
            "head": {"kernel": jnp.zeros((64, 1)), "bias": jnp.zeros(1)},
        }

    def loss(self, params, batch, step):
        x = (batch["pixels"] * batch["mask"][..., None]).mean(axis=1)
        x = jnp.tanh(10 * x @ params["hidden"]["kernel"] + params["hidden"]["bias"])
        score = x @ params["head"]["kernel"] + params["head"]["bias"]
        return jnp.abs(score - batch["labels"]).mean(), {}


TASKS = {
    "musiq": ScoreTask(model=MODEL, loss_name="absolute_error"),
    "two layers": TwoLayers(),
}
OPTIMIZER = OptimizerConfig(
    name="adamw", learning_rate=3e-3, warmup_steps=2, weight_decay=0.1, clip_norm=1.0
)
TOKENS = 6


def global_batch(step: int, size: int) -> dict[str, np.ndarray]:
    """The batch of the step after `step`; its indices are its global positions."""
    rng = np.random.default_rng([7, step])
    features = MODEL.preprocessing.patch_size**2 * 3
    pixels = rng.uniform(-1, 1, (size, TOKENS, features)).astype(np.float32)
    return {
        "pixels": pixels,
        "positions": rng.integers(0, 100, (size, TOKENS)).astype(np.int32),
        "scale_ids": rng.integers(0, 2, (size, TOKENS)).astype(np.int32),
        "mask": np.arange(TOKENS) < rng.integers(1, TOKENS + 1, (size, 1)),
        "labels": 10 + 20 * pixels.mean((1, 2))[:, None] + rng.normal(0, 1, (size, 1)),
        "indices": np.arange(step * size, (step + 1) * size, dtype=np.int32),
    }


def batches(
    start_step: int, *, size: int = 16, process_index: int = 0, process_count: int = 1
) -> Iterator[dict[str, np.ndarray]]:
    """This process's part of every batch from `start_step` on."""
    part = size // process_count
    here = slice(process_index * part, (process_index + 1) * part)
    step = start_step
    while True:
        batch = global_batch(step, size)
        yield {
            name: array[here].astype(np.float32) if name == "labels" else array[here]
            for name, array in batch.items()
        }
        step += 1
