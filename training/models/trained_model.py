"""A model that can be evaluated: of a run's folder, or a model file."""

import dataclasses
import re

import numpy as np

from musiq_core.config import ModelConfig
from musiq_core.model_files.model_file import (
    Model,
    ModelFileError,
    read_model_file,
    require_structure,
    shapes_of,
)
from musiq_core.network.model import parameter_shapes
from training.errors import UsageError
from training.examples.input_config import InputConfig
from training.experiments.run_folder import read_run
from training.models.model_store import open_model_store
from training.running.checkpoints import checkpoint_step, restore_parameters

_VERSIONED = re.compile(r"(.*[^/])/*@(latest|[0-9]{1,8})", re.DOTALL)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TrainedModel:
    """Parameters and how images are prepared for them.

    Attributes:
      parameters: float32 arrays by full name.
      config: The architecture that they fit.
      input: How images become patches.
      source: Where the parameters come from, in words.
    """

    parameters: dict[str, np.ndarray]
    config: ModelConfig
    input: InputConfig
    source: str


def open_run(folder: str, step: int | None = None) -> TrainedModel:
    """Return the model of a run's folder.

    Args:
      folder: The output of `musiq-train run`.
      step: Which checkpoint; the newest by default.

    Raises:
      UsageError: If the folder is not a run's, has no such checkpoint, or if that is of
        another architecture.
    """
    experiment = read_run(folder).experiment
    step = checkpoint_step(folder, step)
    parameters = restore_parameters(folder, step)
    try:
        require_structure(shapes_of(parameters), parameter_shapes(experiment.model))
    except ModelFileError as error:
        raise UsageError(f"{folder}: {error}") from error
    name = folder.rstrip("/").rpartition("/")[2]
    return TrainedModel(
        parameters=parameters,
        config=experiment.model,
        input=experiment.input,
        source=f"run {name}, experiment {experiment.name}, step {step}",
    )


def open_model_file(name: str) -> TrainedModel:
    """Return the model of a model file.

    Args:
      name: A local file, or the folder of a published model, local or on gs://, with
        `@latest` or `@` and a version.

    Raises:
      UsageError: If there is no such file, or if it must not be used.
    """
    try:
        return of_model(read_model_file(_read(name)), source=name)
    except ModelFileError as error:
        raise UsageError(f"model file {name}: {error}") from error


def of_model(model: Model, *, source: str) -> TrainedModel:
    """Return a model that was read from a file."""
    return TrainedModel(
        parameters=model.parameters,
        config=model.config,
        input=InputConfig(preprocessing=model.config.preprocessing),
        source=source,
    )


def _read(name: str) -> bytes:
    if versioned := _VERSIONED.fullmatch(name):
        store = open_model_store(versioned[1])
        is_latest = versioned[2] == "latest"
        version = store.newest() if is_latest else int(versioned[2])
        if not version:
            raise UsageError(f"no model is published in {versioned[1]}")
        return store.read(version)
    if "://" in name:
        raise UsageError(
            f"{name}: models on gs:// are named FOLDER@VERSION or FOLDER@latest"
        )
    try:
        with open(name, "rb") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error
