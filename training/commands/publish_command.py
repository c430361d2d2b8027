"""`musiq-train publish`: from a run to a version that pipelines can score with."""

import json

from musiq_core.model_files.model_file import Model
from pipelines.storage import join
from schemas.errors import UsageError
from schemas.model_card import ModelCardError, require_model_name
from schemas.text import printable
from schemas.training_dataset import TrainingDataset
from training.commands.requests import PublishRequest
from training.evaluating.evaluation import Evaluation, measure
from training.evaluating.predict import predict
from training.examples.array_record_source import open_split
from training.experiments.experiment import Experiment
from training.experiments.run_folder import Run, read_run, run_of
from training.models.publish import known_srcc, make_model_file, publish
from training.models.trained_model import TrainedModel, of_model, open_run
from training.models.versions import ModelVersions


def run(request: PublishRequest) -> int:
    """Measure, publish and return the exit code."""
    try:
        require_model_name(request.name)
    except ModelCardError as error:
        raise UsageError(f"--name: {error}") from error
    versions = ModelVersions(join(request.output, request.name))
    versions.newest()  # a store that cannot be used fails here, before the work
    trained = open_run(request.run, request.step)
    split = open_split(request.data, request.split)
    experiment = _require_its_data(request, read_run(request.run), split.dataset)

    def measured(model: TrainedModel) -> Evaluation:
        predictions = predict(
            model.parameters,
            model.config,
            split,
            model.input,
            batch_size=request.batch_size,
        )
        return measure(predictions, dataset=split.dataset.name, split=split.name)

    evaluation = measured(trained)

    def srcc_of(model: Model) -> float:
        known = known_srcc(model, evaluation)
        if known is not None:
            return known
        return measured(of_model(model, source="an older version")).srcc

    data = make_model_file(
        trained.parameters,
        trained.config,
        split.dataset,
        evaluation,
        name=request.name,
        training_data=_training_data(split.dataset, experiment),
        licence=f"{request.licence}; {split.dataset.title}: {split.dataset.licence}",
        source=trained.source,
    )
    published = publish(data, versions, srcc_of=srcc_of, force=request.force)
    if request.json:
        told = {
            "uri": published.uri,
            "digest": published.digest,
            "is_new": published.is_new,
            "evaluation": evaluation.to_json(),
        }
        print(json.dumps(told))
    else:
        done = "published" if published.is_new else "this is published already:"
        print(
            f"{done} {printable(published.uri)}: model {request.name}, SRCC "
            f"{evaluation.srcc:.4f} on {evaluation.examples:,} examples, digest "
            f"{published.digest}"
        )
    return 0


def _require_its_data(
    request: PublishRequest, run: Run, dataset: TrainingDataset
) -> Experiment:
    """Refuse data that the run was not trained on, or the very part that it was.

    The card takes range, direction and terms from the data set.
    """
    if run.dataset_sha256 != run_of(run.experiment, dataset).dataset_sha256:
        raise UsageError(
            f"--data {request.data} is not what {request.run} was trained on: "
            f"that was {run.dataset} as another `musiq prepare` left it"
        )
    if request.split == run.experiment.split:
        raise UsageError(
            f"--split {request.split}: {request.run} was trained on these "
            "examples, which cannot measure it; name another split"
        )
    return run.experiment


def _training_data(dataset: TrainingDataset, experiment: Experiment) -> str:
    split = experiment.split
    return (
        f"{dataset.title}, {dataset.example_count(split):,} examples of its split "
        f"{split} ({dataset.split_rule})"
    )
