"""A model that can be measured or trained further: of a run, or of a model file."""

import dataclasses

import numpy as np

from musiq_core.config import ModelConfig
from musiq_core.model_files.builtin import read_builtin
from musiq_core.model_files.model_file import (
    Model,
    ModelFileError,
    read_model_file,
    require_structure,
    shapes_of,
)
from musiq_core.network.model import parameter_shapes
from pipelines.storage import storage_for
from pipelines.storage.model_names import BUILT_IN, model_uri
from schemas.errors import UsageError
from training.examples.input_config import InputConfig
from training.experiments.run_folder import read_run
from training.running.checkpoints import checkpoint_step, restore_parameters


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
      name: All that `musiq score --model` takes: a file, local or on gs:// or s3://,
        the folder of a published model with `@latest` or `@` and a version, `builtin`.

    Raises:
      UsageError: If there is no such version, or if the file must not be used.
      StorageError: If it cannot be read.
    """
    try:
        return of_model(read_model_file(_read(model_uri(name))), source=name)
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


def _read(uri: str) -> bytes:
    if uri == BUILT_IN:
        return read_builtin()
    with storage_for(uri).open_read(uri) as file:
        return file.read()
