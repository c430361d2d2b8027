"""What the errors of an S3 client mean."""

import botocore.exceptions as boto
import urllib3.exceptions
from botocore.parsers import ResponseParserError

from pipelines.storage.buckets import faults
from pipelines.storage.buckets.faults import (
    CHANGED,
    NOT_FOUND,
    PASSING_STATUSES,
    Fault,
    common_fault,
    forbidden,
)
from schemas.failures import Failure

_PASSING_CODES = ("ConditionalRequestConflict", "OperationAborted", "RequestTimeout")
_REGION_CODES = (
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "PermanentRedirect",
)
_CREDENTIALS_CODES = (
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
)
_CREDENTIALS_ERRORS = (
    boto.ConfigParseError,
    boto.CredentialRetrievalError,
    boto.InvalidConfigError,
    boto.MetadataRetrievalError,
    boto.MissingDependencyException,
    boto.NoAuthTokenError,
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.ProfileNotFound,
    boto.RefreshWithMFAUnsupportedError,
    boto.SSOError,
    boto.TokenRetrievalError,
    boto.UnknownCredentialError,
)

_PASSING_ERRORS = (
    boto.HTTPClientError,
    boto.IncompleteReadError,
    ResponseParserError,
    urllib3.exceptions.HTTPError,
    OSError,
)


class AddressError(ValueError):
    """The endpoint is not an address."""


ERRORS = (
    boto.BotoCoreError,
    boto.ClientError,
    ResponseParserError,
    AddressError,
    *faults.ERRORS,
)


def fault_of(error: Exception) -> Fault:
    """Return what an error means."""
    name = type(error).__name__
    match error:
        case boto.ClientError():
            return _fault_of_answer(error)
        case boto.NoCredentialsError():
            return Fault(
                "no credentials found; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or run `aws configure`",
                concerns_all=True,
            )
        case AddressError():
            return Fault(
                "AWS_ENDPOINT_URL is not an address such as https://host:9000",
                concerns_all=True,
            )
        case boto.ConnectionError():
            return Fault(
                f"the store cannot be reached ({name}); check the network, and "
                "AWS_ENDPOINT_URL if it is set",
                may_pass=_may_pass(error),
            )
        case _ if isinstance(error, _CREDENTIALS_ERRORS):
            return Fault(
                f"the credentials cannot be used ({name}); check AWS_PROFILE and "
                "`aws sts get-caller-identity`",
                may_pass=_may_pass(error),
                concerns_all=True,
            )
        case _:
            return common_fault(error, may_pass=_may_pass(error), told=name)


def _may_pass(error: Exception) -> bool:
    """Whether an error that is no answer of the store may be gone the next time."""
    return isinstance(error, _PASSING_ERRORS)


def _fault_of_answer(error: boto.ClientError) -> Fault:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _CREDENTIALS_CODES or status == 401:
        return Fault(
            f"the store does not accept the credentials ({code}); renew them",
            concerns_all=True,
        )
    if code in _REGION_CODES or status == 301:
        return Fault(
            "the bucket lies in another region; set AWS_DEFAULT_REGION to that",
            concerns_all=True,
        )
    if code == "InvalidObjectState":
        reason = "it lies in an archive storage class; restore it first"
        return Fault(reason, Failure.UNREADABLE)
    match status:
        case 403:
            return forbidden("permissions")
        case 404:
            return NOT_FOUND
        case 412:
            return CHANGED
        case _:
            may_pass = status in PASSING_STATUSES or code in _PASSING_CODES
            return common_fault(error, may_pass=may_pass, told=f"status {status}")
