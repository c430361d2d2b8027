"""The folder of a run: which experiment and which data its checkpoints belong to."""

import dataclasses
import hashlib
import json

from etils import epath

from schemas.training_dataset import TrainingDataset
from training.errors import UsageError
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
    """
    file = epath.Path(output) / FILE_NAME
    if not file.exists():
        raise UsageError(
            f"{output} is not the output of `musiq-train run`: it has no {FILE_NAME}"
        )
    try:
        fields = json.loads(file.read_text())
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
    folder = epath.Path(output)
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(f"--output {output} is a file; name a folder")
    if not (folder / FILE_NAME).exists():
        if any(folder.iterdir()):
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
    folder = epath.Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"format": FORMAT, **to_plain(run)}, indent=2) + "\n"
    partial = folder / f"{FILE_NAME}.partial"
    partial.write_text(text)
    partial.replace(folder / FILE_NAME)
