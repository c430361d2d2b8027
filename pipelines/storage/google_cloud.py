"""Google Cloud Storage as a store: generations, preconditions and checksums.

STORAGE_EMULATOR_HOST is honoured, by the client itself.
"""

import contextlib
from collections.abc import Iterator
from typing import BinaryIO, cast

import google.api_core.exceptions as api
import google.auth.exceptions
import requests.exceptions
from google.api_core.retry import Retry
from google.cloud.storage import Blob, Bucket, Client
from google.cloud.storage.exceptions import DataCorruption
from google.cloud.storage.retry import DEFAULT_RETRY

from pipelines.storage.contract import StorageError, StoredObject, require_size
from schemas.failures import Failure, ImageFailure

_FIELDS = "items(name,size,generation,updated),nextPageToken"
_TIMEOUT_SECONDS = 60
# Capped exponential backoff with jitter; the client retries 408, 429, 5xx and resets.
_RETRY = DEFAULT_RETRY.with_deadline(120.0).with_delay(0.5, 2.0, 20.0)
_ERRORS = (
    api.GoogleAPICallError,
    api.RetryError,
    google.auth.exceptions.GoogleAuthError,
    requests.exceptions.RequestException,
    DataCorruption,
)


class GoogleCloudStorage:
    """Objects of gs:// buckets; one client, and its connections, a process."""

    def __init__(self, *, retry: Retry = _RETRY):
        self._retry = retry
        self._client: Client | None = None

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects below a prefix, page by page."""
        bucket, name = _split(prefix)
        with self._errors_at("list", prefix):
            for blob in self._bucket(bucket).list_blobs(
                prefix=name, fields=_FIELDS, retry=self._retry, timeout=_TIMEOUT_SECONDS
            ):
                if not blob.name.endswith("/"):  # a console's placeholder of a folder
                    yield _object(blob)

    def stat(self, uri: str) -> StoredObject | None:
        """Return what the store says of one object."""
        bucket, name = _split(uri)
        if not name:
            return None
        with self._errors_at("look at", uri):
            blob = self._bucket(bucket).get_blob(
                name, retry=self._retry, timeout=_TIMEOUT_SECONDS
            )
        return _object(blob) if blob else None

    def is_folder(self, uri: str) -> bool:
        """Whether the store has objects below `uri`."""
        return next(self.list(uri), None) is not None

    def read(
        self, uri: str, *, listed: StoredObject | None, max_bytes: int
    ) -> tuple[bytes, StoredObject]:
        """Read a whole object, pinned to its generation, its CRC32C checked."""
        bucket, name = _split(uri)
        with _failures_of_one_object():
            found = listed or self._current(bucket, name)
            require_size(found, max_bytes)
            try:
                data = self._blob(bucket, name).download_as_bytes(
                    if_generation_match=int(found.generation),
                    checksum="crc32c",
                    retry=self._retry,
                    timeout=_TIMEOUT_SECONDS,
                )
            except api.NotFound:
                self._current(bucket, name)  # not there at all, or replaced?
                raise api.PreconditionFailed("replaced") from None
        if len(data) != found.size_bytes:
            raise ImageFailure(
                Failure.READ_ERROR, f"{len(data)} of {found.size_bytes} bytes arrived"
            )
        return data, found

    def open_read(self, uri: str) -> BinaryIO:
        """Open an object, seekable."""
        bucket, name = _split(uri)
        if self.stat(uri) is None:
            raise StorageError(f"cannot read {uri}: there is no such object")
        with self._errors_at("read", uri):
            return cast(
                BinaryIO, self._blob(bucket, name).open("rb", retry=self._retry)
            )

    def write(self, uri: str, data: bytes) -> None:
        """Create or replace an object."""
        self._upload(uri, data, if_generation_match=None)

    def write_if_absent(self, uri: str, data: bytes) -> bool:
        """Create an object under the precondition that no generation of it exists."""
        try:
            self._upload(uri, data, if_generation_match=0)
        except api.PreconditionFailed:
            return False
        return True

    def _upload(self, uri: str, data: bytes, *, if_generation_match: int | None):
        bucket, name = _split(uri)
        with self._errors_at("write", uri, let_pass=api.PreconditionFailed):
            self._blob(bucket, name).upload_from_string(
                data,
                content_type="application/octet-stream",
                checksum="crc32c",
                if_generation_match=if_generation_match,
                retry=self._retry,
                timeout=_TIMEOUT_SECONDS,
            )

    def _bucket(self, bucket: str) -> Bucket:
        if self._client is None:
            self._client = Client()
        return self._client.bucket(bucket)

    def _blob(self, bucket: str, name: str) -> Blob:
        return self._bucket(bucket).blob(name)

    def _current(self, bucket: str, name: str) -> StoredObject:
        blob = self._blob(bucket, name)
        blob.reload(retry=self._retry, timeout=_TIMEOUT_SECONDS)
        return _object(blob)

    @contextlib.contextmanager
    def _errors_at(
        self, action: str, uri: str, *, let_pass: type[Exception] | tuple = ()
    ) -> Iterator[None]:
        try:
            yield
        except let_pass:
            raise
        except (*_ERRORS, OSError) as error:
            raise StorageError(f"cannot {action} {uri}: {_reason(error)}") from error


def _split(uri: str) -> tuple[str, str]:
    """Return bucket and object name; nothing of the name is unescaped."""
    bucket, _, name = uri[len("gs://") :].partition("/")
    return bucket, name


def _object(blob: Blob) -> StoredObject:
    assert blob.updated is not None
    return StoredObject(
        uri=f"gs://{blob.bucket.name}/{blob.name}",
        size_bytes=int(blob.size or 0),
        generation=str(blob.generation),
        modified_at=blob.updated,
    )


@contextlib.contextmanager
def _failures_of_one_object() -> Iterator[None]:
    try:
        yield
    except api.NotFound as error:
        raise ImageFailure(Failure.NOT_FOUND, "there is no such object") from error
    except (api.Forbidden, api.Unauthorized) as error:
        raise ImageFailure(
            Failure.FORBIDDEN, "the store refuses access to the object"
        ) from error
    except api.PreconditionFailed as error:
        raise ImageFailure(
            Failure.CHANGED, "the object was replaced after it was listed"
        ) from error
    except (*_ERRORS, OSError) as error:
        raise ImageFailure(
            Failure.READ_ERROR, f"reading failed ({type(error).__name__})"
        ) from error


def _reason(error: Exception) -> str:
    """Say what went wrong, without the request's address, which may hold a token."""
    if isinstance(error, api.NotFound):
        return "there is no such bucket or object"
    if isinstance(error, (api.Forbidden, api.Unauthorized)):
        return "the store refuses access; check the account's roles on the bucket"
    if isinstance(error, google.auth.exceptions.DefaultCredentialsError):
        return "no credentials found; run `gcloud auth application-default login`"
    return f"the store does not answer properly ({type(error).__name__})"
