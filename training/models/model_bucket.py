"""Published model files in a bucket of Google Cloud Storage.

STORAGE_EMULATOR_HOST is honoured, by the client itself, which also repeats requests.
"""

import contextlib
from collections.abc import Iterator

import google.api_core.exceptions as api
import google.auth.exceptions
import requests.exceptions
from google.cloud.storage import Blob, Client
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

from schemas.model_versions import version_name
from training.errors import UsageError
from training.models.model_store import highest_version

_ERRORS = (
    api.GoogleAPIError,
    google.auth.exceptions.GoogleAuthError,
    requests.exceptions.RequestException,
    DataCorruption,
    InvalidResponse,
    ValueError,  # names that no bucket can have
    OSError,
)


class BucketModelStore:
    """Versions below a gs:// folder."""

    def __init__(self, folder: str):
        self._folder = folder.rstrip("/")
        bucket, _, prefix = self._folder.partition("://")[2].partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        with _errors_at("use", folder):
            self._bucket = Client(project=None).bucket(bucket)

    def newest(self) -> int:
        """Return the highest version, 0 if there is none."""
        with _errors_at("list", self._folder):
            blobs = self._bucket.list_blobs(prefix=self._prefix, delimiter="/")
            return highest_version(b.name.removeprefix(self._prefix) for b in blobs)

    def uri(self, version: int) -> str:
        """Return the gs:// name of a version."""
        return f"{self._folder}/{version_name(version)}"

    def read(self, version: int) -> bytes:
        """Return the model file of a version."""
        with _errors_at("read", self.uri(version)):
            return self._blob(version).download_as_bytes()

    def write_if_absent(self, version: int, data: bytes) -> bool:
        """Write under the precondition that no generation of the object exists."""
        with _errors_at("write", self.uri(version)):
            try:
                self._blob(version).upload_from_string(
                    data,
                    content_type="application/octet-stream",
                    checksum="crc32c",
                    if_generation_match=0,
                )
            except api.PreconditionFailed:
                # Perhaps by an attempt of this very call, whose answer was lost.
                return self.read(version) == data
        return True

    def _blob(self, version: int) -> Blob:
        return self._bucket.blob(self._prefix + version_name(version))


@contextlib.contextmanager
def _errors_at(action: str, uri: str) -> Iterator[None]:
    try:
        yield
    except UsageError:  # is a ValueError, and one line already
        raise
    except _ERRORS as error:
        raise UsageError(f"cannot {action} {uri}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Say what went wrong, without the request's address, which may hold a token."""
    match error:
        case api.NotFound():
            return "there is no such bucket or object"
        case api.Forbidden():
            return "the store refuses access; check the account's roles on the bucket"
        case google.auth.exceptions.DefaultCredentialsError():
            return (
                "no usable credentials found; run `gcloud auth application-default "
                "login`, or set GOOGLE_APPLICATION_CREDENTIALS"
            )
        case google.auth.exceptions.GoogleAuthError() | api.Unauthorized():
            return "the credentials are not accepted; renew them"
        case api.GoogleAPICallError(code=code) if code:
            return f"the store answers with status {int(code)}"
        case _:
            return f"the store does not answer properly ({type(error).__name__})"
