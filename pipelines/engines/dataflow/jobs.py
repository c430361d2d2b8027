"""The jobs that a Dataflow project has, asked before another is submitted."""

import re

import google.api_core.exceptions as api
import google.auth
import google.auth.exceptions
from apache_beam.internal.gcp.auth import get_service_credentials
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from google.api_core.client_options import ClientOptions
from google.cloud import dataflow

from schemas.errors import UsageError

_SECONDS = 30


def require_free_name(options: PipelineOptions) -> None:
    """Refuse a name that an active job has; this asks the service, so it tests access.

    Raises:
      UsageError: If the name is taken, or the service cannot be asked.
    """
    found = options.view_as(GoogleCloudOptions)
    request = dataflow.ListJobsRequest(
        project_id=found.project,
        location=found.region,
        filter=dataflow.ListJobsRequest.Filter.ACTIVE,
    )
    where = f"Dataflow in project {found.project}, region {found.region}"
    try:
        jobs = list(_client(options).list_jobs(request=request, timeout=_SECONDS))
    except (api.Forbidden, api.Unauthorized) as error:
        raise UsageError(
            f"{where}: no permission, or no such project; the account needs the role "
            f"roles/dataflow.developer there: {_reason(error)}"
        ) from error
    except (api.NotFound, api.BadRequest) as error:
        raise UsageError(
            f"{where}: no such project or region: {_reason(error)}"
        ) from error
    except (api.GoogleAPICallError, api.RetryError) as error:
        raise UsageError(f"{where} does not answer: {_reason(error)}") from error
    except google.auth.exceptions.GoogleAuthError as error:
        raise UsageError(f"{where} cannot be asked: {_reason(error)}") from error
    for job in jobs:
        if job.name == found.job_name:
            raise UsageError(
                f"a job named {job.name} is active already ({job.id}), perhaps for the "
                "same ledger; wait for it or cancel it, or give another --job_name"
            )


def _client(options: PipelineOptions) -> dataflow.JobsV1Beta3Client:
    """Return a client of the endpoint and account that the runner will use."""
    found = options.view_as(GoogleCloudOptions)
    try:
        google.auth.default()  # Beam itself would try for half a minute
    except google.auth.exceptions.DefaultCredentialsError as error:
        raise UsageError(
            "no Google credentials: run `gcloud auth application-default login`, or "
            "let GOOGLE_APPLICATION_CREDENTIALS name a service account's key file"
        ) from error
    credentials = get_service_credentials(options)
    endpoint = found.dataflow_endpoint
    is_local = "//localhost" in endpoint
    return dataflow.JobsV1Beta3Client(
        credentials=credentials and credentials.get_google_auth_credentials(),
        client_options=ClientOptions(
            api_endpoint=endpoint if is_local else re.sub("^https?://", "", endpoint)
        ),
        transport="rest" if is_local else None,
    )


def _reason(error: Exception) -> str:
    """Return one line of what the service said, without what it was asked."""
    text = str(getattr(error, "message", None) or error)
    return re.sub(r"^[A-Z]+ https?://\S+: ", "", text.partition("\n")[0])[:200]
