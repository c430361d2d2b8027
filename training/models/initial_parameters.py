"""Parameters to start from: the authors' pretraining, a run or a model of ours.

The head is left out, for the new one starts at 0. Everything else has to fit.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from musiq_core.config import ModelConfig
from musiq_core.model_files.model_file import (
    ModelFileError,
    require_structure,
    shapes_of,
)
from musiq_core.model_files.published_checkpoint import read_published_checkpoint
from musiq_core.network.model import parameter_shapes
from pipelines.storage import join, resolve, storage_for
from pipelines.storage.model_names import BUILT_IN
from schemas.errors import UsageError
from training.experiments.experiment import SCRATCH
from training.models.trained_model import open_model_file, open_run

_HEAD = "head/"
_SCALE_EMBEDDING = "Transformer/scaleembed_input/scale_embedding"


def read_initial_parameters(
    source: str, model: ModelConfig
) -> dict[str, np.ndarray] | None:
    """Read the parameters that an experiment starts from.

    Args:
      source: `Experiment.init`.
      model: The architecture that they must fit.

    Returns:
      float32 arrays by full name, without the head; None to start from scratch.

    Raises:
      UsageError: If there is nothing to read, or if it is of another architecture.
      StorageError: If it cannot be read.
    """
    if source == SCRATCH:
        return None
    found, config = _read(source)
    _require_same_architecture(source, found=config, wanted=model)
    body = {n: array for n, array in found.items() if not n.startswith(_HEAD)}
    if model.preprocessing.scale_count == 1:
        # The native size is the last scale, and the only one left.
        body[_SCALE_EMBEDDING] = body[_SCALE_EMBEDDING][:, -1:]
    expected = {
        n: shape
        for n, shape in parameter_shapes(model).items()
        if not n.startswith(_HEAD)
    }
    try:
        require_structure(shapes_of(body), expected)
    except ModelFileError as error:
        raise UsageError(f"init {source}: {error}") from error
    return body


def _read(source: str) -> tuple[dict[str, np.ndarray], ModelConfig]:
    if source.endswith(".npz"):
        return _read_published(source)
    is_run = source != BUILT_IN and _is_folder(resolve(source, base=None))
    trained = open_run(source) if is_run else open_model_file(source)
    return trained.parameters, trained.config


def _is_folder(uri: str) -> bool:
    return storage_for(uri).is_folder(join(uri, ""))


def _read_published(source: str) -> tuple[dict[str, np.ndarray], ModelConfig]:
    uri = resolve(source, base=None)
    storage = storage_for(uri)
    if storage.stat(uri) is None:
        raise UsageError(
            f"init {source} does not exist; fetch {uri.rpartition('/')[2]} from the "
            "authors' bucket gs://gresearch/musiq, or add --set init=FOLDER with the "
            f"output of a pretraining of yours, or --set init={SCRATCH}"
        )
    try:
        with storage.open_read(uri) as file:
            return read_published_checkpoint(file, output_count=None)
    except ModelFileError as error:
        raise UsageError(f"init {source}: {error}") from error


def _require_same_architecture(
    source: str, *, found: ModelConfig, wanted: ModelConfig
) -> None:
    ours, theirs = _body_of(wanted), _body_of(found)
    if wanted.preprocessing.scales == ():
        theirs["scales"] = ()
    differing = [
        f"{name} is {theirs[name]} there and {ours[name]} here"
        for name in ours
        if ours[name] != theirs[name]
    ]
    if differing:
        raise UsageError(
            f"init {source} is of another architecture: {', '.join(differing)}"
        )


def _body_of(model: ModelConfig) -> dict[str, object]:
    """Return everything of an architecture but its head."""
    fields = dataclasses.asdict(model)
    del fields["output_count"]
    preprocessing: Mapping[str, object] = fields.pop("preprocessing")
    return {**preprocessing, **fields}
