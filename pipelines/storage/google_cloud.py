"""Google Cloud Storage as a store: generations, preconditions and checksums.

STORAGE_EMULATOR_HOST is honoured, by the client itself.
"""

import base64
import contextlib
import threading
import uuid
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import google.api_core.exceptions as api
import google.auth.exceptions
import google_crc32c
import requests.exceptions
import urllib3.exceptions
from google.cloud.storage import Blob, Bucket, Client
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

from pipelines.storage.contract import StoredObject, require_size
from pipelines.storage.errors import ObjectRefused, StorageError
from pipelines.storage.object_names import BadNameError, split_object_uri, split_uri
from pipelines.storage.ranged_reader import open_ranges
from pipelines.storage.retries import DamagedError, Retrier, RetryPolicy
from schemas.failures import Failure

_FIELDS = "items(name,size,generation,updated),nextPageToken"
# To connect, and between bytes. The client itself repeats nothing: `Retrier` does.
_ASKED_ONCE = {"retry": None, "timeout": (10.0, 30.0)}
_PASSING_STATUSES = (408, 429, 500, 502, 503, 504)


class _CompressedError(Exception):
    """The object is stored with `Content-Encoding: gzip`."""


_ERRORS = (
    api.GoogleAPICallError,
    google.auth.exceptions.GoogleAuthError,
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    DataCorruption,
    InvalidResponse,
    OSError,
    BadNameError,
    DamagedError,
    _CompressedError,
)


class GoogleCloudStorage:
    """Objects of gs:// buckets; one client, and its connections, a process."""

    def __init__(self, *, policy: RetryPolicy | None = None):
        self._retrier = Retrier(policy or RetryPolicy(), is_passing=_is_passing)
        self._client: Client | None = None
        self._lock = threading.Lock()

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects below a prefix, page by page."""
        with _errors_at("list", prefix):
            bucket, name = split_uri(prefix)
            token, is_last = None, False
            while not is_last:
                page, token = self._list_page(bucket, name, token)
                is_last = token is None
                for found in map(_object, page):
                    if not found.uri.endswith("/"):  # a console's mark of a folder
                        yield found

    def stat(self, uri: str) -> StoredObject | None:
        """Return what the store says of one object."""
        with _errors_at("look at", uri):
            _, name = split_uri(uri)
            blob = self._get(uri) if name else None
        return _object(blob) if blob else None

    def is_folder(self, uri: str) -> bool:
        """Whether the store has objects below `uri`."""
        return next(self.list(uri), None) is not None

    def read(
        self, uri: str, *, listed: StoredObject | None, max_bytes: int
    ) -> tuple[bytes, StoredObject]:
        """Read a whole object, pinned to its generation, its CRC32C checked."""
        with self._failures_of_one_object(uri):
            found = listed or self._current(uri)
            require_size(found, max_bytes)
            data = self._read_pinned(found, 0, found.size_bytes)
        return data, found

    def read_part(self, listed: StoredObject, start: int, end: int) -> bytes:
        """Read some bytes of a generation by a ranged request."""
        if start == end:  # no range is empty
            return b""
        with self._failures_of_one_object(listed.uri):
            return self._read_pinned(listed, start, end)

    def open_read(self, uri: str) -> BinaryIO:
        """Open an object, seekable; all reads are of the generation it has now."""
        found = self.stat(uri)
        if found is None:
            raise StorageError(f"cannot read {uri}: there is no such object")

        def fetch(start: int, end: int) -> bytes:
            with _errors_at("read", uri):
                return self._download(uri, found, start, end)

        return open_ranges(fetch, found.size_bytes)

    def write(self, uri: str, data: bytes) -> None:
        """Create or replace an object."""
        with _errors_at("write", uri):
            self._upload(self._blob(uri), data, if_generation_match=None)

    def delete(self, uri: str) -> None:
        """Delete an object."""
        with _errors_at("delete", uri), contextlib.suppress(api.NotFound):
            blob = self._blob(uri)
            self._retrier.call(lambda: blob.delete(**_ASKED_ONCE))

    def write_if_absent(self, uri: str, data: bytes) -> bool:
        """Create an object under the precondition that no generation of it exists."""
        with _errors_at("write", uri):
            blob, writer = self._blob(uri), uuid.uuid4().hex
            blob.metadata = {"musiq-writer": writer}
            try:
                self._upload(blob, data, if_generation_match=0)
            except api.PreconditionFailed:
                # Perhaps by an attempt of this very call, whose answer was lost.
                found = self._get(uri)
                return found is not None and writer in (found.metadata or {}).values()
        return True

    def _list_page(
        self, bucket: str, prefix: str, token: str | None
    ) -> tuple[Sequence[Blob], str | None]:
        """Return the objects of one page and the token of the next."""

        def request():
            blobs = self._bucket(bucket).list_blobs(
                prefix=prefix, fields=_FIELDS, page_token=token, **_ASKED_ONCE
            )
            return [*next(blobs.pages, ())], blobs.next_page_token

        return self._retrier.call(request)

    def _read_pinned(self, found: StoredObject, start: int, end: int) -> bytes:
        try:
            return self._download(found.uri, found, start, end)
        except api.NotFound:
            self._current(found.uri)  # not there at all, or replaced?
            raise api.PreconditionFailed("replaced") from None

    def _download(self, uri: str, found: StoredObject, start: int, end: int) -> bytes:
        """Read some bytes of one generation, their checksum checked if it is all."""
        is_whole = (start, end) == (0, found.size_bytes)
        pinned = {"if_generation_match": int(found.generation), **_ASKED_ONCE}

        def request():
            blob = self._blob(uri)
            data = blob.download_as_bytes(
                start=None if is_whole else start,
                end=None if is_whole else end - 1,
                raw_download=True,
                checksum=None,  # pyright: ignore[reportArgumentType] - checked below
                **pinned,
            )
            if is_whole and blob.crc32c is None:  # the answer did not say
                blob.reload(**pinned)
            crc32c = blob.crc32c if is_whole else None
            if len(data) != end - start or crc32c not in (None, _crc32c(data)):
                raise DamagedError
            if blob.content_encoding == "gzip":
                raise _CompressedError
            return data

        return self._retrier.call(request)

    def _upload(self, blob: Blob, data: bytes, *, if_generation_match: int | None):
        self._retrier.call(
            lambda: blob.upload_from_string(
                data,
                content_type="application/octet-stream",
                checksum="crc32c",
                if_generation_match=if_generation_match,
                **_ASKED_ONCE,
            )
        )

    def _get(self, uri: str) -> Blob | None:
        blob = self._blob(uri)
        try:
            self._retrier.call(lambda: blob.reload(**_ASKED_ONCE))
        except api.NotFound:
            return None
        return blob

    def _current(self, uri: str) -> StoredObject:
        blob = self._blob(uri)
        self._retrier.call(lambda: blob.reload(**_ASKED_ONCE))
        return _object(blob)

    def _blob(self, uri: str) -> Blob:
        bucket, name = split_object_uri(uri)
        return self._bucket(bucket).blob(name)

    def _bucket(self, bucket: str) -> Bucket:
        with self._lock:
            if self._client is None:
                self._client = Client(project=None)
            return self._client.bucket(bucket)

    @contextlib.contextmanager
    def _failures_of_one_object(self, uri: str) -> Iterator[None]:
        try:
            yield
        except (google.auth.exceptions.GoogleAuthError, api.Unauthorized) as error:
            # Not about this object: without credentials none can be read.
            raise StorageError(f"cannot read {uri}: {_reason(error)}") from error
        except _ERRORS as error:
            failure = _failure(error)
            if failure is Failure.READ_ERROR:
                self._retrier.require_up(uri, _reason(error))
            raise ObjectRefused(failure, _reason(error), uri) from error


def _is_passing(error: Exception) -> bool:
    """Whether asking again may help."""
    match error:
        case api.GoogleAPICallError():
            return error.code in _PASSING_STATUSES
        case InvalidResponse():
            return error.response.status_code in _PASSING_STATUSES
        case google.auth.exceptions.TransportError():
            return True  # on the way to a token
        case google.auth.exceptions.GoogleAuthError():
            return error.retryable
        case DataCorruption():
            return True
        case requests.exceptions.JSONDecodeError():
            return True  # an answer that did not arrive whole
        case requests.exceptions.RequestException():
            return not isinstance(error, ValueError)  # as addresses that are none
        case urllib3.exceptions.HTTPError() | OSError():
            return True
        case _:
            return False


def _crc32c(data: bytes) -> str:
    """Return the checksum as the store writes it."""
    return base64.b64encode(google_crc32c.Checksum(data).digest()).decode()


def _object(blob: Blob) -> StoredObject:
    assert blob.updated is not None
    return StoredObject(
        uri=f"gs://{blob.bucket.name}/{blob.name}",
        size_bytes=int(blob.size or 0),
        generation=str(blob.generation),
        modified_at=blob.updated,
    )


@contextlib.contextmanager
def _errors_at(action: str, uri: str) -> Iterator[None]:
    try:
        yield
    except _ERRORS as error:
        raise StorageError(f"cannot {action} {uri}: {_reason(error)}") from error


def _failure(error: Exception) -> Failure:
    match error:
        case api.NotFound():
            return Failure.NOT_FOUND
        case api.Forbidden():
            return Failure.FORBIDDEN
        case api.PreconditionFailed():
            return Failure.CHANGED
        case BadNameError():
            return Failure.UNSAFE_NAME
        case _CompressedError():
            return Failure.UNREADABLE
        case _:
            return Failure.READ_ERROR


def _reason(error: Exception) -> str:
    """Say what went wrong, without the request's address, which may hold a token."""
    match error:
        case api.NotFound():
            return "there is no such bucket or object"
        case api.Forbidden():
            return "the store refuses access; check the account's roles on the bucket"
        case api.PreconditionFailed():
            return "the object was replaced after it was listed"
        case google.auth.exceptions.DefaultCredentialsError():
            return (
                "no usable credentials found; run `gcloud auth application-default "
                "login`, or set GOOGLE_APPLICATION_CREDENTIALS"
            )
        case google.auth.exceptions.GoogleAuthError() if _is_passing(error):
            return "no access token can be fetched, the network or its server is down"
        case google.auth.exceptions.GoogleAuthError() | api.Unauthorized():
            return (
                "the credentials are not accepted; run `gcloud auth "
                "application-default login`, or renew what "
                "GOOGLE_APPLICATION_CREDENTIALS names"
            )
        case BadNameError():
            return str(error)
        case _CompressedError():
            return "it is stored with Content-Encoding gzip; store it uncompressed"
        case DamagedError() | DataCorruption():
            return "its bytes keep arriving damaged"
        case _ if _is_passing(error):
            return f"the store kept failing ({_short_name(error)})"
        case _:
            return f"the store does not answer properly ({_short_name(error)})"


def _short_name(error: Exception) -> str:
    response = getattr(error, "response", None)
    status = getattr(error, "code", None) or getattr(response, "status_code", None)
    return f"status {int(status)}" if status else type(error).__name__
