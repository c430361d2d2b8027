"""What the errors of an S3 client mean: shall it ask again, whose fault, which cure."""

import botocore.exceptions as boto
import urllib3.exceptions
from botocore.parsers import ResponseParserError

from pipelines.storage.object_names import BadNameError
from pipelines.storage.retries import DamagedError
from schemas.failures import Failure

_PASSING_STATUSES = (408, 429, 500, 502, 503, 504)
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


class CompressedError(Exception):
    """The object is stored with `Content-Encoding: gzip`."""


class AddressError(ValueError):
    """The endpoint is not an address."""


ERRORS = (
    boto.BotoCoreError,
    boto.ClientError,
    urllib3.exceptions.HTTPError,
    ResponseParserError,
    OSError,
    BadNameError,
    DamagedError,
    AddressError,
    CompressedError,
)


def _code(error: boto.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: boto.ClientError) -> int:
    """Return the HTTP status of an answer."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def is_passing(error: Exception) -> bool:
    """Whether asking again may help."""
    match error:
        case boto.ClientError():
            return (
                status_of(error) in _PASSING_STATUSES or _code(error) in _PASSING_CODES
            )
        case boto.HTTPClientError() | boto.IncompleteReadError():
            return True
        case ResponseParserError() | urllib3.exceptions.HTTPError() | OSError():
            return True
        case _:
            return False


def concerns_all_objects(error: Exception) -> bool:
    """Whether reading any other object would fail likewise."""
    match error:
        case boto.ClientError():
            codes = (*_CREDENTIALS_CODES, *_REGION_CODES)
            return _code(error) in codes or status_of(error) in (301, 401)
        case _:
            return isinstance(error, (*_CREDENTIALS_ERRORS, AddressError))


def failure_of(error: Exception) -> Failure:
    """Return what a failed read of one object is called."""
    match error:
        case boto.ClientError() if _code(error) == "InvalidObjectState":
            return Failure.UNREADABLE
        case boto.ClientError():
            return {
                403: Failure.FORBIDDEN,
                404: Failure.NOT_FOUND,
                412: Failure.CHANGED,
            }.get(status_of(error), Failure.READ_ERROR)
        case BadNameError():
            return Failure.UNSAFE_NAME
        case CompressedError():
            return Failure.UNREADABLE
        case _:
            return Failure.READ_ERROR


def reason_of(error: Exception) -> str:
    """Say what went wrong, without the request's address, which may hold a token."""
    match error:
        case boto.ClientError():
            return _reason_of_answer(error)
        case boto.NoCredentialsError():
            return (
                "no credentials found; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or run `aws configure`"
            )
        case AddressError():
            return "AWS_ENDPOINT_URL is not an address such as https://host:9000"
        case BadNameError():
            return str(error)
        case CompressedError():
            return "it is stored with Content-Encoding gzip; store it uncompressed"
        case DamagedError():
            return "its bytes keep arriving damaged"
        case boto.ConnectionError():
            return (
                f"the store cannot be reached ({type(error).__name__}); check the "
                "network, and AWS_ENDPOINT_URL if it is set"
            )
        case _ if isinstance(error, _CREDENTIALS_ERRORS):
            return (
                f"the credentials cannot be used ({type(error).__name__}); check "
                "AWS_PROFILE and `aws sts get-caller-identity`"
            )
        case _ if is_passing(error):
            return f"the store kept failing ({type(error).__name__})"
        case _:
            return f"the store does not answer properly ({type(error).__name__})"


def _reason_of_answer(error: boto.ClientError) -> str:
    code, status = _code(error), status_of(error)
    if code in _CREDENTIALS_CODES or status == 401:
        return f"the store does not accept the credentials ({code}); renew them"
    if code in _REGION_CODES or status == 301:
        return "the bucket lies in another region; set AWS_DEFAULT_REGION to that"
    if code == "InvalidObjectState":
        return "it lies in an archive storage class; restore it first"
    if status == 403:
        return "the store refuses access; check the account's permissions on the bucket"
    if status == 404:
        return "there is no such bucket or object"
    if status == 412:
        return "the object was replaced after it was listed"
    if is_passing(error):
        return f"the store kept failing (status {status})"
    return f"the store does not answer properly (status {status})"
