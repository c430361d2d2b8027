"""Google Cloud Storage as a store: generations, preconditions and checksums.

STORAGE_EMULATOR_HOST is honoured, by the client itself.
"""

import base64
import contextlib
import io
import re
import uuid
from collections.abc import Callable, Iterator
from typing import BinaryIO

import google.api_core.exceptions as api
import google.auth.exceptions
import google_crc32c
import requests.exceptions
import urllib3.exceptions
from google.api_core.retry import Retry
from google.cloud.storage import Blob, Bucket, Client
from google.cloud.storage.exceptions import DataCorruption
from google.cloud.storage.retry import DEFAULT_RETRY

from pipelines.storage.contract import StorageError, StoredObject, require_size
from schemas.failures import Failure, ImageFailure

_FIELDS = "items(name,size,generation,updated),nextPageToken"
_TIMEOUT_SECONDS = 60
# Capped exponential backoff with jitter; the client retries 408, 429, 5xx and resets.
_RETRY = DEFAULT_RETRY.with_timeout(120.0).with_delay(
    initial=0.5, maximum=20.0, multiplier=2.0
)
_READS_OF_DAMAGED = 3
_READ_AHEAD_BYTES = 1 << 20
_NAME_MAX_BYTES = 1024
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]*")


class _BadNameError(ValueError):
    """No object can have this name; the message says why."""


class _DamagedError(Exception):
    """Bytes do not arrive as they are stored."""


class _CompressedError(Exception):
    """The object is stored with `Content-Encoding: gzip`."""


_ERRORS = (
    api.GoogleAPICallError,
    api.RetryError,
    google.auth.exceptions.GoogleAuthError,
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    DataCorruption,
    OSError,
    _BadNameError,
    _DamagedError,
    _CompressedError,
)


class GoogleCloudStorage:
    """Objects of gs:// buckets; one client, and its connections, a process."""

    def __init__(self, *, retry: Retry = _RETRY):
        self._retry = retry
        self._client: Client | None = None

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects below a prefix, page by page."""
        with _errors_at("list", prefix):
            bucket, name = _split(prefix)
            for blob in self._bucket(bucket).list_blobs(
                prefix=name, fields=_FIELDS, retry=self._retry, timeout=_TIMEOUT_SECONDS
            ):
                if not blob.name.endswith("/"):  # a console's placeholder of a folder
                    yield _object(blob)

    def stat(self, uri: str) -> StoredObject | None:
        """Return what the store says of one object."""
        with _errors_at("look at", uri):
            bucket, name = _split(uri)
            if not name:
                return None
            blob = self._get(bucket, name)
        return _object(blob) if blob else None

    def is_folder(self, uri: str) -> bool:
        """Whether the store has objects below `uri`."""
        return next(self.list(uri), None) is not None

    def read(
        self, uri: str, *, listed: StoredObject | None, max_bytes: int
    ) -> tuple[bytes, StoredObject]:
        """Read a whole object, pinned to its generation, its CRC32C checked."""
        with _failures_of_one_object():
            bucket, name = _split(uri)
            found = listed or self._current(bucket, name)
            require_size(found, max_bytes)
            try:
                data = self._download(uri, found, 0, found.size_bytes)
            except api.NotFound:
                self._current(bucket, name)  # not there at all, or replaced?
                raise api.PreconditionFailed("replaced") from None
        return data, found

    def open_read(self, uri: str) -> BinaryIO:
        """Open an object, seekable; all reads are of the generation it has now."""
        found = self.stat(uri)
        if found is None:
            raise StorageError(f"cannot read {uri}: there is no such object")

        def fetch(start: int, end: int) -> bytes:
            with _errors_at("read", uri):
                return self._download(uri, found, start, end)

        return io.BufferedReader(_Reader(fetch, found.size_bytes), _READ_AHEAD_BYTES)

    def write(self, uri: str, data: bytes) -> None:
        """Create or replace an object."""
        with _errors_at("write", uri):
            self._upload(self._blob(*_split(uri)), data, if_generation_match=None)

    def delete(self, uri: str) -> None:
        """Delete an object."""
        with _errors_at("delete", uri), contextlib.suppress(api.NotFound):
            self._blob(*_split(uri)).delete(retry=self._retry, timeout=_TIMEOUT_SECONDS)

    def write_if_absent(self, uri: str, data: bytes) -> bool:
        """Create an object under the precondition that no generation of it exists."""
        with _errors_at("write", uri):
            bucket, name = _split(uri)
            blob, writer = self._blob(bucket, name), uuid.uuid4().hex
            blob.metadata = {"musiq-writer": writer}
            try:
                self._upload(blob, data, if_generation_match=0)
            except api.PreconditionFailed:
                # Perhaps by an attempt of this very call, whose answer was lost.
                found = self._get(bucket, name)
                return found is not None and writer in (found.metadata or {}).values()
        return True

    def _download(self, uri: str, found: StoredObject, start: int, end: int) -> bytes:
        """Read some bytes of one generation; what arrives damaged is read again."""
        is_whole = (start, end) == (0, found.size_bytes)
        for _ in range(_READS_OF_DAMAGED):
            blob = self._blob(*_split(uri))
            data = blob.download_as_bytes(
                start=None if is_whole else start,
                end=None if is_whole else end - 1,
                raw_download=True,
                if_generation_match=int(found.generation),
                # Checked below; the client does not check what it resumed.
                checksum=None,  # pyright: ignore[reportArgumentType]
                retry=self._retry,
                timeout=_TIMEOUT_SECONDS,
            )
            if is_whole and blob.crc32c is None:  # the answer of a resumed read
                blob.reload(
                    if_generation_match=int(found.generation),
                    retry=self._retry,
                    timeout=_TIMEOUT_SECONDS,
                )
            crc32c = blob.crc32c if is_whole else None
            if len(data) == end - start and crc32c in (None, _crc32c(data)):
                if blob.content_encoding == "gzip":
                    raise _CompressedError
                return data
        raise _DamagedError

    def _upload(self, blob: Blob, data: bytes, *, if_generation_match: int | None):
        blob.upload_from_string(
            data,
            content_type="application/octet-stream",
            checksum="crc32c",
            if_generation_match=if_generation_match,
            retry=self._retry,
            timeout=_TIMEOUT_SECONDS,
        )

    def _get(self, bucket: str, name: str) -> Blob | None:
        blob = self._blob(bucket, name)
        try:
            blob.reload(retry=self._retry, timeout=_TIMEOUT_SECONDS)
        except api.NotFound:
            return None
        return blob

    def _bucket(self, bucket: str) -> Bucket:
        if self._client is None:
            self._client = Client(project=None)
        return self._client.bucket(bucket)

    def _blob(self, bucket: str, name: str) -> Blob:
        if name in ("", ".", ".."):
            raise _BadNameError("no object can have this name")
        return self._bucket(bucket).blob(name)

    def _current(self, bucket: str, name: str) -> StoredObject:
        blob = self._blob(bucket, name)
        blob.reload(retry=self._retry, timeout=_TIMEOUT_SECONDS)
        return _object(blob)


class _Reader(io.RawIOBase):
    """Seekable reads of one object, given a function that fetches from start to end."""

    def __init__(self, fetch: Callable[[int, int], bytes], size: int):
        self._fetch = fetch
        self._size = size
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        place = offset + (0, self._place, self._size)[whence]
        if place < 0:
            raise ValueError(f"negative seek position {place}")
        self._place = place
        return place

    def readinto(self, buffer) -> int:
        data = self._next(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        return self._next(self._size)

    def _next(self, count: int) -> bytes:
        start, end = self._place, min(self._place + count, self._size)
        if start >= end:
            return b""
        data = self._fetch(start, end)
        self._place = end
        return data


def _split(uri: str) -> tuple[str, str]:
    """Return bucket and object name; nothing of the name is unescaped."""
    bucket, _, name = uri[len("gs://") :].partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise _BadNameError("no bucket can have this name")
    try:
        length = len(name.encode())
    except UnicodeEncodeError as error:
        raise _BadNameError("the name is not UTF-8") from error
    if length > _NAME_MAX_BYTES:
        raise _BadNameError(f"the name is longer than {_NAME_MAX_BYTES} bytes")
    return bucket, name


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
def _failures_of_one_object() -> Iterator[None]:
    try:
        yield
    except google.auth.exceptions.GoogleAuthError as error:
        # Not about this object: without credentials none can be read.
        raise StorageError(f"cannot read gs://: {_reason(error)}") from error
    except _ERRORS as error:
        raise ImageFailure(_failure(error), _reason(error)) from error


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
        case api.Forbidden() | api.Unauthorized():
            return Failure.FORBIDDEN
        case api.PreconditionFailed():
            return Failure.CHANGED
        case _BadNameError():
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
        case api.Forbidden() | api.Unauthorized():
            return "the store refuses access; check the account's roles on the bucket"
        case api.PreconditionFailed():
            return "the object was replaced after it was listed"
        case google.auth.exceptions.DefaultCredentialsError():
            return "no credentials found; run `gcloud auth application-default login`"
        case _BadNameError():
            return str(error)
        case _CompressedError():
            return "it is stored with Content-Encoding gzip; store it uncompressed"
        case _DamagedError():
            return f"its bytes arrived damaged {_READS_OF_DAMAGED} times"
        case api.RetryError() if error.cause is not None:
            return f"the store kept failing ({_short_name(error.cause)})"
        case _:
            return f"the store does not answer properly ({_short_name(error)})"


def _short_name(error: Exception) -> str:
    response = getattr(error, "response", None)
    status = getattr(error, "code", None) or getattr(response, "status_code", None)
    return f"status {int(status)}" if status else type(error).__name__
