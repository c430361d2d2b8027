"""Amazon S3, and stores that speak its protocol, as a store.

Credentials, region and endpoint come from where AWS tools look for them: AWS_PROFILE,
AWS_ACCESS_KEY_ID, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL and the like. The store must
honour If-None-Match when it writes, or two runs could publish one ledger at once.

The generation of an object is its ETag, the only version that a listing tells: the same
bytes written again are the same generation, other bytes never are.
"""

import contextlib
import datetime
import hashlib
import logging
import re
import threading
import uuid
from collections.abc import Iterator
from typing import Any, BinaryIO

import boto3
import botocore.exceptions as boto
from botocore.config import Config

from pipelines.storage.amazon_s3_errors import (
    ERRORS,
    AddressError,
    CompressedError,
    concerns_all_objects,
    failure_of,
    is_passing,
    reason_of,
    status_of,
)
from pipelines.storage.contract import StoredObject, require_size
from pipelines.storage.errors import ObjectRefused, StorageError
from pipelines.storage.object_names import split_object_uri, split_uri
from pipelines.storage.ranged_reader import open_ranges
from pipelines.storage.retries import DamagedError, Retrier, RetryPolicy
from schemas.failures import Failure

# The client itself repeats nothing: `Retrier` does.
_CONFIG = Config(
    connect_timeout=10,
    read_timeout=30,  # between bytes
    max_pool_connections=16,
    retries={"mode": "standard", "total_max_attempts": 1},
    tcp_keepalive=True,
)
_MD5 = re.compile("[0-9a-f]{32}")
_WRITER = "musiq-writer"

# Every worker would tell where it found its credentials.
logging.getLogger("botocore").setLevel(logging.WARNING)


class AmazonS3Storage:
    """Objects of s3:// buckets; one client, and its connections, a process."""

    def __init__(self, *, policy: RetryPolicy | None = None):
        self._retrier = Retrier(policy or RetryPolicy(), is_passing=is_passing)
        self._client: Any = None
        self._lock = threading.Lock()

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects below a prefix, page by page."""
        with _errors_at("list", prefix):
            bucket, name = split_uri(prefix)
            place = {"Bucket": bucket, "Prefix": name}
            while place:
                page = self._ask("list_objects_v2", **place)
                for one in page.get("Contents", ()):
                    if not one["Key"].endswith("/"):  # a console's mark of a folder
                        uri = f"s3://{bucket}/{one['Key']}"
                        yield _object(uri, one, one["Size"])
                token = page.get("NextContinuationToken")
                place = place | {"ContinuationToken": token} if token else None

    def stat(self, uri: str) -> StoredObject | None:
        """Return what the store says of one object."""
        with _errors_at("look at", uri):
            _, name = split_uri(uri)
            found = self._head(uri) if name else None
        return _object(uri, found, found["ContentLength"]) if found else None

    def is_folder(self, uri: str) -> bool:
        """Whether the store has objects below `uri`."""
        return next(self.list(uri), None) is not None

    def read(
        self, uri: str, *, listed: StoredObject | None, max_bytes: int
    ) -> tuple[bytes, StoredObject]:
        """Read a whole object, pinned to its ETag, its checksum checked."""

        def request():
            with self._opened(uri, listed) as answer:
                found = listed or _object(uri, answer, answer["ContentLength"])
                require_size(found, max_bytes)
                data = _body(answer, found.size_bytes)
                _require_md5(uri, data, answer)
                return data, found

        with self._failures_of_one_object(uri):
            if listed:
                require_size(listed, max_bytes)
            return self._retrier.call(request)

    def read_part(self, listed: StoredObject, start: int, end: int) -> bytes:
        """Read some bytes of a content by a ranged request."""
        if start == end:  # no range is empty
            return b""
        with self._failures_of_one_object(listed.uri):
            return self._download(listed, start, end)

    def open_read(self, uri: str) -> BinaryIO:
        """Open an object, seekable; all reads are of the content it has now."""
        found = self.stat(uri)
        if found is None:
            raise StorageError(f"cannot read {uri}: there is no such object")

        def fetch(start: int, end: int) -> bytes:
            with _errors_at("read", uri):
                return self._download(found, start, end)

        return open_ranges(fetch, found.size_bytes)

    def write(self, uri: str, data: bytes) -> None:
        """Create or replace an object."""
        with _errors_at("write", uri):
            self._put(uri, data)

    def delete(self, uri: str) -> None:
        """Delete an object; a bucket with versions keeps the old ones."""
        with _errors_at("delete", uri):
            bucket, name = split_object_uri(uri)
            self._ask("delete_object", Bucket=bucket, Key=name)

    def write_if_absent(self, uri: str, data: bytes) -> bool:
        """Create an object under the precondition that there is none."""
        with _errors_at("write", uri):
            writer = uuid.uuid4().hex
            try:
                self._put(uri, data, IfNoneMatch="*", Metadata={_WRITER: writer})
            except boto.ClientError as error:
                if status_of(error) != 412:
                    raise
                # Perhaps by an attempt of this very call, whose answer was lost.
                found = self._head(uri)
                return found is not None and found["Metadata"].get(_WRITER) == writer
        return True

    def _download(self, found: StoredObject, start: int, end: int) -> bytes:
        """Read some bytes of one content, their checksum checked if it is all."""
        is_whole = (start, end) == (0, found.size_bytes)
        ranged = {} if is_whole else {"Range": f"bytes={start}-{end - 1}"}

        def request():
            with self._opened(found.uri, found, **ranged) as answer:
                data = _body(answer, end - start)
                if is_whole:
                    _require_md5(found.uri, data, answer)
                return data

        return self._retrier.call(request)

    def _ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return self._retrier.call(
            lambda: getattr(self._connected(), operation)(**arguments)
        )

    def _head(self, uri: str) -> dict[str, Any] | None:
        bucket, name = split_object_uri(uri)
        try:
            return self._ask("head_object", Bucket=bucket, Key=name)
        except boto.ClientError as error:
            if status_of(error) == 404:
                return None
            raise

    def _put(self, uri: str, data: bytes, **conditions: Any) -> None:
        bucket, name = split_object_uri(uri)
        self._ask(
            "put_object",
            Bucket=bucket,
            Key=name,
            Body=data,
            ContentType="application/octet-stream",
            **conditions,
        )

    @contextlib.contextmanager
    def _opened(
        self, uri: str, pinned: StoredObject | None, **ranged: str
    ) -> Iterator[dict[str, Any]]:
        """Ask for an object once; its body is closed at the end."""
        bucket, name = split_object_uri(uri)
        if pinned:
            ranged |= {"IfMatch": f'"{pinned.generation}"'}
        answer = self._connected().get_object(Bucket=bucket, Key=name, **ranged)
        with contextlib.closing(answer["Body"]):
            if answer.get("ContentEncoding") == "gzip":
                raise CompressedError
            yield answer

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                try:
                    self._client = boto3.Session().client("s3", config=_CONFIG)
                except ValueError as error:
                    raise AddressError from error
            return self._client

    @contextlib.contextmanager
    def _failures_of_one_object(self, uri: str) -> Iterator[None]:
        try:
            yield
        except ERRORS as error:
            if concerns_all_objects(error):
                raise StorageError(f"cannot read {uri}: {reason_of(error)}") from error
            failure = failure_of(error)
            if failure is Failure.READ_ERROR:
                self._retrier.require_up(uri, reason_of(error))
            raise ObjectRefused(failure, reason_of(error), uri) from error


def _object(uri: str, told: dict[str, Any], size_bytes: int) -> StoredObject:
    """Describe an object by what a listing or an answer says of it."""
    return StoredObject(
        uri=uri,
        size_bytes=size_bytes,
        generation=told["ETag"].strip('"'),
        # Answers tell whole seconds only, so listings must not tell more.
        modified_at=told["LastModified"]
        .astimezone(datetime.UTC)
        .replace(microsecond=0),
    )


def _body(answer: dict[str, Any], size_bytes: int) -> bytes:
    """Read a body, which the client checks if the answer has a checksum it knows."""
    if answer["ContentLength"] != size_bytes:
        raise DamagedError
    try:
        return answer["Body"].read()
    except boto.FlexibleChecksumError as error:
        raise DamagedError from error


def _require_md5(uri: str, data: bytes, answer: dict[str, Any]) -> None:
    """Check the ETag where it is a digest of the bytes.

    It is none of parts, of bytes encrypted with a key, and in directory buckets.
    """
    etag = answer["ETag"].strip('"')
    if (
        _MD5.fullmatch(etag)
        and answer.get("ServerSideEncryption") in (None, "AES256")
        and "SSECustomerAlgorithm" not in answer
        and not split_uri(uri)[0].endswith("--x-s3")
        and hashlib.md5(data, usedforsecurity=False).hexdigest() != etag
    ):
        raise DamagedError


@contextlib.contextmanager
def _errors_at(action: str, uri: str) -> Iterator[None]:
    try:
        yield
    except ERRORS as error:
        raise StorageError(f"cannot {action} {uri}: {reason_of(error)}") from error
