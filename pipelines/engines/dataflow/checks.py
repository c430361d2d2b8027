"""Google Cloud Dataflow: options checked and filled in before a job is submitted."""

import hashlib
import os
import re
import uuid

from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    SetupOptions,
    WorkerOptions,
)

from pipelines.engines.dataflow.jobs import require_free_name
from pipelines.engines.dataflow.labels import add_labels
from pipelines.engines.dataflow.workers import apply_profile, profile_for
from pipelines.engines.engine import JobFacts
from pipelines.storage import StorageError, join, storage_for
from schemas.errors import UsageError

_REGION = re.compile(r"[a-z]+-[a-z]+\d+")
_ZONE = re.compile(r"([a-z]+-[a-z]+\d+)-[a-z]")
_PROJECT = re.compile(r"([a-z][-a-z0-9.]*:)?[a-z][-a-z0-9]{4,28}[a-z0-9]")
_JOB_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_GOOGLE_STORE = "gs://"
_AMAZON_STORES = ("s3://", "s3a://", "s3n://")
# Set in the image. A template's launcher works for a job that has the name already.
_LAUNCHER = "FLEX_TEMPLATE_PYTHON_PY_FILE"
_RUNBOOK = "pipelines/dataflow/README.md"


def require_dataflow(options: PipelineOptions, job: JobFacts) -> None:
    """Refuse what Dataflow would refuse, or would find out on workers that cost money.

    What the options leave open is filled in: workers by the job's device, labels, a
    name that no two jobs of one output can have at once, nothing to install in workers
    whose container has it.

    Raises:
      UsageError: Naming what is wrong and what would help.
    """
    google = options.view_as(GoogleCloudOptions)
    _require_project(google.project)
    _require_region(google.region)
    _require_reachable(job)
    _require_code(options)
    google.job_name = _checked_name(google.job_name or job_name_of(job))
    add_labels(google, job)
    apply_profile(options, profile_for(job.device))
    _require_temp_location(google)
    if not (google.template_location or _LAUNCHER in os.environ):
        require_free_name(options)


def job_name_of(job: JobFacts) -> str:
    """Return the name of all jobs that write one output.

    Dataflow runs no two jobs of one name at a time, so the name is a lock: a schedule
    that starts a job twice, or too early, starts one.
    """
    folder = job.output.rstrip("/").rpartition("/")[2].lower()
    words = re.sub("[^a-z0-9]+", "-", folder)[:30].strip("-")
    digest = hashlib.sha256(job.output.rstrip("/").encode()).hexdigest()[:8]
    return "-".join(filter(None, (job.pipeline, words, digest)))


def _checked_name(name: str) -> str:
    if not _JOB_NAME.fullmatch(name):
        raise UsageError(
            f"--job_name {name}: Dataflow's names have lower-case letters, digits and "
            "hyphens, begin with a letter and have at most 63 characters"
        )
    return name


def _require_project(project: str | None) -> None:
    if not project:
        raise UsageError("--runner DataflowRunner needs --project, a project's ID")
    if project.isdigit():
        raise UsageError(f"--project {project} is a number; give the project's ID")
    if not _PROJECT.fullmatch(project):
        raise UsageError(
            f"--project {project} is no project's ID, such as my-project-123: 6 to 30 "
            "lower-case letters, digits and hyphens"
        )


def _require_region(region: str | None) -> None:
    if not region:
        raise UsageError(
            "--runner DataflowRunner needs --region, such as us-central1; choose that "
            "of the photos' bucket"
        )
    if zone := _ZONE.fullmatch(region):
        raise UsageError(
            f"--region {region} is a zone; give --region {zone[1]}, and --worker_zone "
            f"{region} if it must be that one"
        )
    if not _REGION.fullmatch(region):
        raise UsageError(f"--region {region} is no region, such as us-central1")


def _require_reachable(job: JobFacts) -> None:
    for uri in job.uris:
        if uri.lower().startswith(_AMAZON_STORES):
            raise UsageError(
                f"{uri} is in S3, for which Dataflow's workers have no credentials, "
                "and with private addresses no route; copy it to a bucket of gs:// "
                "(Storage Transfer Service does), or score it on another engine"
            )
        if not uri.lower().startswith(_GOOGLE_STORE):
            raise UsageError(
                f"{uri} is on this machine, where Dataflow's workers cannot see it; "
                "copy it to a bucket and give its gs:// name"
            )


def _require_code(options: PipelineOptions) -> None:
    """Refuse workers without musiq; fetch nothing into those that have it."""
    setup = options.view_as(SetupOptions)
    if options.view_as(WorkerOptions).sdk_container_image:
        if setup.sdk_location in (None, "default"):
            setup.sdk_location = "container"
    elif not setup.setup_file:
        raise UsageError(
            "--runner DataflowRunner needs --sdk_container_image, the image with musiq "
            f"in it that workers run; {_RUNBOOK} says how to build it"
        )


def _require_temp_location(google: GoogleCloudOptions) -> None:
    """Try what staging will do: write a file there, and delete it."""
    if not google.temp_location:
        raise UsageError(
            "--runner DataflowRunner needs --temp_location, a folder for the job's own "
            "files, such as gs://my-bucket/temp"
        )
    for flag in ("temp_location", "staging_location"):
        folder = getattr(google, flag)
        if not folder:
            continue
        if not re.fullmatch(r"gs://[a-z0-9][-_a-z0-9.]+[a-z0-9]/.+", folder):
            raise UsageError(
                f"--{flag} {folder} is no folder of a bucket, such as "
                "gs://my-bucket/temp"
            )
        uri = join(folder, f"musiq-probe-{uuid.uuid4().hex}")
        try:
            storage_for(uri).write(uri, b"")
            storage_for(uri).delete(uri)
        except StorageError as error:
            raise UsageError(f"--{flag}: {error}") from error
