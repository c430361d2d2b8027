"""What the errors of a Google Cloud Storage client mean."""

import google.api_core.exceptions as api
import google.auth.exceptions as auth
import requests.exceptions
import urllib3.exceptions
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

from pipelines.storage.buckets import faults
from pipelines.storage.buckets.faults import (
    CHANGED,
    DAMAGED,
    NOT_FOUND,
    PASSING_STATUSES,
    Fault,
    common_fault,
    forbidden,
)

_LOG_IN = "run `gcloud auth application-default login`"
_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"

ERRORS = (
    api.GoogleAPICallError,
    auth.GoogleAuthError,
    requests.exceptions.RequestException,
    DataCorruption,
    InvalidResponse,
    *faults.ERRORS,
)


def fault_of(error: Exception) -> Fault:
    """Return what an error means."""
    match error:
        case api.NotFound():
            return NOT_FOUND
        case api.PreconditionFailed():
            return CHANGED
        case DataCorruption():
            return DAMAGED
        case api.Forbidden():
            return forbidden("roles")
        case auth.DefaultCredentialsError():
            return Fault(
                f"no usable credentials found; {_LOG_IN}, or set {_VARIABLE}",
                may_pass=error.retryable,
                concerns_all=True,
            )
        case auth.GoogleAuthError() if error.retryable or isinstance(
            error, auth.TransportError
        ):
            return Fault(
                "no access token can be fetched, the network or its server is down",
                may_pass=True,
                concerns_all=True,
            )
        case auth.GoogleAuthError() | api.Unauthorized():
            return Fault(
                f"the credentials are not accepted; {_LOG_IN}, or renew what "
                f"{_VARIABLE} names",
                concerns_all=True,
            )
        case _:
            return common_fault(
                error, may_pass=_may_pass(error), told=_status_or_name(error)
            )


def _may_pass(error: Exception) -> bool:
    match error:
        case api.GoogleAPICallError():
            return error.code in PASSING_STATUSES
        case InvalidResponse():
            return error.response.status_code in PASSING_STATUSES
        case requests.exceptions.JSONDecodeError():
            return True  # an answer that did not arrive whole
        case requests.exceptions.RequestException():
            return not isinstance(error, ValueError)  # as addresses that are none
        case _:
            return isinstance(error, (urllib3.exceptions.HTTPError, OSError))


def _status_or_name(error: Exception) -> str:
    response = getattr(error, "response", None)
    status = getattr(error, "code", None) or getattr(response, "status_code", None)
    return f"status {int(status)}" if status else type(error).__name__
