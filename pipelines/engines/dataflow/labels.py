"""Labels of a Dataflow job, by which its costs and its runs are found again."""

import ast
import datetime
import re
from collections.abc import Mapping

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from pipelines.engines.engine import JobFacts
from schemas.errors import UsageError

_KEY = re.compile("[a-z][-_a-z0-9]{0,62}")
_VALUE = re.compile("[-_a-z0-9]{0,63}")


def add_labels(google: GoogleCloudOptions, job: JobFacts) -> None:
    """Check the labels that were given, and add those that follow from the job.

    `pipeline` says what it is, `data_interval` the day it was started for: today, where
    a scheduler did not say otherwise. `team` and any other are for the user to give.

    Raises:
      UsageError: If Dataflow would not take a label.
    """
    today = f"{datetime.datetime.now(datetime.UTC):%Y%m%d}"
    labels = {"pipeline": job.pipeline, "data_interval": today}
    for text in google.labels or []:
        labels |= _parse(text)
    for key, value in labels.items():
        if not _KEY.fullmatch(key) or not _VALUE.fullmatch(value):
            raise UsageError(
                f"--labels {key}={value}: labels have lower-case letters, digits, "
                "hyphens and underscores, at most 63 of them, as in team=photos"
            )
    google.labels = [f"{key}={value}" for key, value in labels.items()]


def add_model_label(options: PipelineOptions, models: Mapping[str, str]) -> None:
    """Say which models a job scores with; their digests by their names."""
    google = options.view_as(GoogleCloudOptions)
    text = "_".join(f"{name}-{digest[:8]}" for name, digest in models.items())
    value = re.sub("[^-_a-z0-9]", "-", text.lower())[:63]
    given = [label for label in google.labels or [] if not label.startswith("model=")]
    google.labels = [*given, f"model={value}"]


def _parse(text: str) -> dict[str, str]:
    """Read `key=value`, or a dictionary as a template's launcher writes it."""
    if not text.startswith("{"):
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--labels {text}: write a label so: team=photos")
        return {key: value}
    try:
        found = ast.literal_eval(text)
        return {str(key): str(value) for key, value in found.items()}
    except (AttributeError, SyntaxError, ValueError) as error:
        raise UsageError(f"--labels {text} is no dictionary of labels") from error
