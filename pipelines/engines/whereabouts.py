"""Where a job is that was handed over to its engine."""

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from apache_beam.runners.runner import PipelineResult


def whereabouts(options: PipelineOptions, result: PipelineResult) -> str:
    """Say where a job is that nobody here waits for."""
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
