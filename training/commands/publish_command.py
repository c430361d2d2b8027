"""`musiq-train publish`: from a run to a version that pipelines can score with."""

import argparse
import json
import sys

from musiq_core.model_files.model_file import Model
from schemas.legacy_arguments import refuse_unknown
from schemas.model_card import ModelCardError, require_model_name
from schemas.text import printable
from schemas.training_dataset import TrainingDataset
from training.errors import UsageError
from training.evaluating.predict import evaluate
from training.examples.array_record_source import open_split
from training.experiments.experiment import Experiment
from training.experiments.run_folder import Run, read_run, run_of
from training.models.model_store import open_model_store
from training.models.publish import (
    WorseModelError,
    known_srcc,
    make_model_file,
    publish,
)
from training.models.trained_model import TrainedModel, of_model, open_run

_NO_TERMS = "no terms were stated for the parameters"


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Measure, publish and return the exit code."""
    refuse_unknown("musiq-train publish", rest, args.flags)
    try:
        require_model_name(args.name)
    except ModelCardError as error:
        raise UsageError(f"--name: {error}") from error
    store = open_model_store(f"{args.output.rstrip('/')}/{args.name}")
    store.newest()  # a store that cannot be used fails here, before the work
    trained = open_run(args.run_folder, args.step)
    split = open_split(args.data, args.split)
    experiment = _require_its_data(args, read_run(args.run_folder), split.dataset)

    def measured(model: TrainedModel):
        return evaluate(
            model.parameters,
            model.config,
            split,
            model.input,
            batch_size=args.batch_size,
        )

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
        name=args.name,
        training_data=_training_data(split.dataset, experiment),
        licence=f"{args.licence or _NO_TERMS}; {split.dataset.title}: "
        f"{split.dataset.licence}",
        source=trained.source,
    )
    try:
        published = publish(data, store, srcc_of=srcc_of, force=args.force)
    except WorseModelError as error:
        print(f"musiq-train publish: error: {printable(error)}", file=sys.stderr)
        return 1
    if args.json:
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
            f"{done} {printable(published.uri)}: model {args.name}, SRCC "
            f"{evaluation.srcc:.4f} on {evaluation.examples:,} examples, digest "
            f"{published.digest}"
        )
    return 0


def _require_its_data(
    args: argparse.Namespace, run: Run, dataset: TrainingDataset
) -> Experiment:
    """Refuse data that the run was not trained on, or the very part that it was.

    The card takes range, direction and terms from the data set.
    """
    if run.dataset_sha256 != run_of(run.experiment, dataset).dataset_sha256:
        raise UsageError(
            f"--data {args.data} is not what {args.run_folder} was trained on: that "
            f"was {run.dataset} as another `musiq prepare` left it"
        )
    if args.split == run.experiment.split:
        raise UsageError(
            f"--split {args.split}: {args.run_folder} was trained on these examples, "
            "which cannot measure it; name another split"
        )
    return run.experiment


def _training_data(dataset: TrainingDataset, experiment: Experiment) -> str:
    split = experiment.split
    return (
        f"{dataset.title}, {dataset.example_count(split):,} examples of its split "
        f"{split} ({dataset.split_rule})"
    )
