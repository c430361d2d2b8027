"""Make a model file of trained parameters and put it where pipelines find it."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from musiq_core.config import ModelConfig
from musiq_core.model_files.model_file import (
    Model,
    ModelFileError,
    read_model_file,
    require_structure,
    shapes_of,
    write_model_file,
)
from musiq_core.network.model import parameter_shapes
from musiq_core.programs.packed.scorer import PackedScorer
from musiq_core.programs.self_test import check_self_test, reference_scores
from schemas.errors import UsageError
from schemas.model_card import ModelCardError
from schemas.training_dataset import TrainingDataset
from training.errors import WorseModelError
from training.evaluating.evaluation import Evaluation
from training.models.versions import ModelVersions


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """A version of a model.

    Attributes:
      uri: Where it lies.
      digest: Of the model file.
      is_new: False if the same file was published before, and nothing was written.
    """

    uri: str
    digest: str
    is_new: bool


def make_model_file(
    parameters: dict[str, np.ndarray],
    config: ModelConfig,
    dataset: TrainingDataset,
    evaluation: Evaluation,
    *,
    name: str,
    training_data: str,
    licence: str,
    source: str,
) -> bytes:
    """Return a model file that has passed the self-test that every worker will make.

    Args:
      parameters: float32 arrays by full name.
      config: The architecture that they fit.
      dataset: Gives the range and the direction of the score.
      evaluation: What the card says of the model's quality, its score quantiles
        included.
      name: Of the model.
      training_data: For the card, and so the others.
      licence: Terms of the parameters and their training data.
      source: Where the parameters come from.

    Raises:
      UsageError: If the parameters are not those of the architecture, are not finite,
        or give other scores as soon as a worker computes them.
    """
    try:
        require_structure(shapes_of(parameters), parameter_shapes(config))
        data = write_model_file(
            parameters,
            config,
            name=name,
            score_range=(dataset.label_low, dataset.label_high),
            higher_is_better=dataset.higher_is_better,
            training_data=training_data,
            licence=licence,
            source=source,
            evaluation=evaluation.to_json(),
            self_test=reference_scores(parameters, config),
        )
        check_self_test(PackedScorer(read_model_file(data)), uri=f"of {source}")
    except (ModelFileError, ModelCardError) as error:
        raise UsageError(f"{source} cannot be published: {error}") from error
    return data


def publish(
    data: bytes,
    versions: ModelVersions,
    *,
    srcc_of: Callable[[Model], float],
    force: bool = False,
) -> Published:
    """Make a model file the newest version, unless the one before it is better.

    If somebody else publishes meanwhile, this looks at that version too, and takes the
    next number.

    Args:
      data: The model file.
      versions: What is published of the model.
      srcc_of: SRCC of a model, of this one or an older one, on the same examples.
      force: Publish whatever the older model reaches.

    Raises:
      WorseModelError: If the older model has a higher SRCC, or this one has none.
      UsageError: If the newest version is damaged.
      StorageError: If the store fails.
    """
    model = read_model_file(data)
    srcc = srcc_of(model)
    if math.isnan(srcc) and not force:
        raise WorseModelError(
            "the model gives every picture the same score, so it has no SRCC; nothing "
            "was published. --force publishes it nevertheless"
        )
    while True:
        newest = versions.newest()
        if newest and not force:
            older = _read(versions, newest)
            if older.digest == model.digest:
                return _published(versions, newest, model, is_new=False)
            _require_not_worse(srcc, srcc_of(older), versions.uri(newest))
        if versions.write_if_absent(newest + 1, data):
            return _published(versions, newest + 1, model, is_new=True)


def known_srcc(model: Model, evaluation: Evaluation) -> float | None:
    """Return the SRCC in a model's card if it is of the same examples as another one's.

    Args:
      model: Read from a model file.
      evaluation: Of another model.
    """
    card = model.card.evaluation
    if card.get("labels_sha256") != evaluation.labels_sha256:
        return None
    srcc = card.get("srcc")
    return math.nan if srcc is None else float(srcc)


def _require_not_worse(srcc: float, older_srcc: float, older_uri: str) -> None:
    if srcc < older_srcc:
        raise WorseModelError(
            f"the model is worse than {older_uri}, which it would replace: SRCC "
            f"{srcc:.4f} against {older_srcc:.4f} on the same examples; nothing was "
            "published. --force publishes it nevertheless"
        )


def _read(versions: ModelVersions, version: int) -> Model:
    try:
        return read_model_file(versions.read(version))
    except ModelFileError as error:
        raise UsageError(
            f"{versions.uri(version)}, which this model would replace, cannot be used: "
            f"{error}. --force publishes without looking at it"
        ) from error


def _published(
    versions: ModelVersions, version: int, model: Model, *, is_new: bool
) -> Published:
    return Published(uri=versions.uri(version), digest=model.digest, is_new=is_new)
