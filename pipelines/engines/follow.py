"""What is left to do when a runner has taken a job."""

import sys

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from apache_beam.runners.runner import PipelineResult

from pipelines.engines.engine import engine_of


def follow_job(program: str, options: PipelineOptions, result: PipelineResult) -> None:
    """Wait for the job if its engine has the program wait, else say where it is.

    Whatever must happen after a job lies in its graph: a launcher of templates has no
    job to wait for, and one that has must not.

    Raises:
      RuntimeError: If the job failed.
    """
    if not engine_of(options).is_submitted:
        result.wait_until_finish()
    else:
        print(f"{program}: {_whereabouts(options, result)}", file=sys.stderr)


def _whereabouts(options: PipelineOptions, result: PipelineResult) -> str:
    google = options.view_as(GoogleCloudOptions)
    if google.template_location:
        return f"wrote the template {google.template_location}; no job was started"
    if not getattr(result, "has_job", False):
        return "the job was handed over"
    job = result.job_id()  # pyright: ignore[reportAttributeAccessIssue] - Dataflow's
    return (
        f"started job {google.job_name} ({job}): https://console.cloud.google.com/"
        f"dataflow/jobs/{google.region}/{job}?project={google.project}"
    )
