"""The folder of a run: which experiment and which data its checkpoints belong to."""

import dataclasses
import hashlib
import json

from pipelines.storage import join, resolve, storage_for
from schemas.errors import UsageError
from schemas.training_dataset import TrainingDataset
from training.experiments.experiment import Experiment
from training.experiments.settings import differences, from_plain, to_plain

FORMAT = "musiq-training-run/1"
FILE_NAME = "experiment.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """What a run's checkpoints were made by.

    Attributes:
      experiment: All of it.
      dataset: Name of the data set.
      dataset_sha256: Digest of the data set's card.
    """

    experiment: Experiment
    dataset: str
    dataset_sha256: str


def run_of(experiment: Experiment, dataset: TrainingDataset) -> Run:
    """Return what an experiment on a data set is recorded as."""
    digest = hashlib.sha256(dataset.to_json().encode()).hexdigest()
    return Run(experiment=experiment, dataset=dataset.name, dataset_sha256=digest)


def read_run(output: str) -> Run:
    """Read what a run's folder belongs to.

    Raises:
      UsageError: If it is not the folder of a run.
      StorageError: If the store does not answer.
    """
    uri = _file_of(output)
    if storage_for(uri).stat(uri) is None:
        raise UsageError(
            f"{output} is not the output of `musiq-train run`: it has no {FILE_NAME}"
        )
    try:
        with storage_for(uri).open_read(uri) as file:
            fields = json.load(file)
        if (found := fields.pop("format")) != FORMAT:
            raise ValueError(f"its format is {found!r}, this program reads {FORMAT!r}")
        return from_plain(Run, fields)
    except (ValueError, KeyError, AttributeError) as error:
        raise UsageError(f"{output}/{FILE_NAME} cannot be read: {error}") from error


def require_continuable(output: str, run: Run) -> None:
    """Refuse an output folder that holds something else than the beginning of this run.

    Raises:
      UsageError: If it is a file, has other files, or belongs to another experiment or
        other data; the message names the differences.
    """
    uri = _file_of(output)
    folder, storage = uri.rpartition("/")[0], storage_for(uri)
    if storage.stat(folder):
        raise UsageError(f"--output {output} is a file; name a folder")
    if storage.stat(uri) is None:
        if next(storage.list(join(folder, "")), None):
            raise UsageError(
                f"--output {output} has files but no {FILE_NAME}; name a new folder"
            )
        return
    there = to_plain(read_run(output))
    here = to_plain(run)
    if changed := differences(here, there):
        raise UsageError(
            f"--output {output} belongs to another run, which differs in "
            f"{', '.join(changed)}; name a new folder"
        )


def write_run(output: str, run: Run) -> None:
    """Write what a run's folder belongs to, before its first checkpoint."""
    uri = _file_of(output)
    text = json.dumps({"format": FORMAT, **to_plain(run)}, indent=2) + "\n"
    storage_for(uri).write(uri, text.encode())


def _file_of(output: str) -> str:
    return join(resolve(output, base=None), FILE_NAME)
