"""Run a model over a split, on any number of processes."""

import functools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from musiq_core.config import ModelConfig
from musiq_core.model_files.model_file import variables_of
from musiq_core.network.model import Musiq
from schemas.errors import UsageError
from training.evaluating.predictions import Predictions
from training.examples.array_record_source import Split
from training.examples.evaluation_batches import evaluation_batches
from training.examples.input_config import InputConfig
from training.running.processes import meet

IMAGES_PER_DEVICE = 8
_LONGEST_WAIT_SECONDS = 3600
_IMAGE_ARRAYS = ("pixels", "positions", "scale_ids", "mask")


def predict(
    parameters: dict[str, np.ndarray],
    config: ModelConfig,
    split: Split,
    input_config: InputConfig,
    *,
    batch_size: int | None = None,
    place: str = "the end of the evaluation",
) -> Predictions:
    """Return what a model says of every example of a split, in the split's order.

    Every process runs the whole model on its own share of the images, without talking
    to others; what they found is gathered once, at the end.

    The numbers do not depend on how many processes there are.

    Args:
      parameters: float32 arrays by full name.
      config: The architecture that they fit.
      split: What to predict.
      input_config: How its images become patches.
      batch_size: Images of a step over all processes; a multiple of all devices. By
        default eight for each device.
      place: Where the processes wait for each other at last; processes that predict
        more than once name each place differently.

    Raises:
      UsageError: If the labels are classes, or if a prediction is not finite.
      ProcessLost: If another process does not come.
    """
    if split.dataset.label_kind == "class":
        raise UsageError(
            f"the labels of {split.dataset.name} are classes; scores and distributions "
            "of ratings can be evaluated"
        )
    batch_size = batch_size or IMAGES_PER_DEVICE * jax.device_count()
    if batch_size % jax.device_count():
        raise UsageError(
            f"--batch_size {batch_size} is not a multiple of the "
            f"{jax.device_count()} devices"
        )
    batches = evaluation_batches(
        split,
        input_config,
        batch_size=batch_size,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
        device_count=jax.local_device_count(),
    )
    found = list(_run(parameters, config, batches))
    # Gloo gives up on a process that comes 30 s later than others; this waits for it.
    meet(place, timeout_seconds=_LONGEST_WAIT_SECONDS)
    logits, labels, indices, is_example = (
        _gather(np.concatenate(arrays)) for arrays in zip(*found, strict=True)
    )
    order = np.argsort(indices[is_example])
    if not np.array_equal(indices[is_example][order], np.arange(split.example_count)):
        raise AssertionError("not every example was predicted exactly once")
    outputs = _outputs(logits[is_example][order])
    if not np.isfinite(outputs).all():
        name = split.names[int(np.argmin(np.isfinite(outputs).all(axis=1)))]
        raise UsageError(f"the model's prediction for {name!r} is not a finite number")
    return Predictions.of(split.names, split.groups, labels[is_example][order], outputs)


def _run(
    parameters: dict[str, np.ndarray],
    config: ModelConfig,
    batches: Iterator[dict[str, np.ndarray]],
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield logits, labels, indices and example mask of this process's batches."""
    mesh = Mesh(np.array(jax.local_devices()), "images", axis_types=(AxisType.Auto,))
    whole = NamedSharding(mesh, PartitionSpec())
    by_image = NamedSharding(mesh, PartitionSpec("images"))
    variables = jax.device_put(variables_of(parameters), whole)
    for batch in batches:
        images = jax.device_put([batch[name] for name in _IMAGE_ARRAYS], by_image)
        logits = np.asarray(_logits(variables, *images, config=config))
        yield logits, batch["labels"], batch["indices"], batch["example_mask"]


@functools.partial(jax.jit, static_argnames="config")
def _logits(
    variables: dict[str, Any], *images: jax.Array, config: ModelConfig
) -> jax.Array:
    logits = Musiq(config).apply(variables, *images)
    assert isinstance(logits, jax.Array)  # apply returns a pair only if asked to
    return logits


def _gather(array: np.ndarray) -> np.ndarray:
    """Return the arrays of all processes, one after the other."""
    return np.asarray(multihost_utils.process_allgather(array, tiled=True))


def _outputs(logits: np.ndarray) -> np.ndarray:
    """Return scores as they are, and several logits as a distribution, in float64."""
    logits = logits.astype(np.float64)
    if logits.shape[1] == 1:
        return logits
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)
