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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions as boto
from botocore.config import Config

from pipelines.storage.buckets import amazon_s3_errors
from pipelines.storage.buckets.faults import CompressedError
from pipelines.storage.buckets.object_names import split_object_uri, split_uri
from pipelines.storage.buckets.store import WRITER, BucketStore
from pipelines.storage.contract import StoredObject, require_size
from pipelines.storage.retries import DamagedError

# The client itself repeats nothing: `Retrier` does.
_CONFIG = Config(
    connect_timeout=10,
    read_timeout=30,  # between bytes
    max_pool_connections=16,
    retries={"mode": "standard", "total_max_attempts": 1},
    tcp_keepalive=True,
)
_DIRECTORY_BUCKET = "--x-s3"
_MD5 = re.compile("[0-9a-f]{32}")

# Every worker would tell where it found its credentials.
logging.getLogger("botocore").setLevel(logging.WARNING)


class AmazonS3Storage(BucketStore):
    """Objects of s3:// buckets."""

    errors = amazon_s3_errors.ERRORS
    fault_of = staticmethod(amazon_s3_errors.fault_of)

    def _connect(self) -> Any:
        try:
            return boto3.Session().client("s3", config=_CONFIG)
        except ValueError as error:
            raise amazon_s3_errors.AddressError from error

    def lists_in_order(self, bucket: str) -> bool:
        """Whether a bucket lists names in order, which directory buckets do not."""
        return not bucket.endswith(_DIRECTORY_BUCKET)

    def _list_page(
        self,
        bucket: str,
        prefix: str,
        token: str | None,
        after: str = "",
        count: int | None = None,
    ) -> tuple[Sequence[StoredObject], str | None]:
        place: dict[str, Any] = {"ContinuationToken": token} if token else {}
        if after:
            place["StartAfter"] = after
        if count:
            place["MaxKeys"] = count
        page = self._connected().list_objects_v2(Bucket=bucket, Prefix=prefix, **place)
        found = [
            _object(f"s3://{bucket}/{one['Key']}", one, one["Size"])
            for one in page.get("Contents", ())
        ]
        return found, page.get("NextContinuationToken")

    def _head(self, uri: str) -> tuple[StoredObject, Mapping[str, str]]:
        answer = self._connected().head_object(**_place(uri))
        return _object(uri, answer, answer["ContentLength"]), answer["Metadata"]

    def _get(self, found: StoredObject, start: int, end: int) -> bytes:
        is_whole = (start, end) == (0, found.size_bytes)
        ranged = {} if is_whole else {"Range": f"bytes={start}-{end - 1}"}
        pinned = {"IfMatch": f'"{found.generation}"'}
        with self._opened(found.uri, **pinned, **ranged) as answer:
            data = _body(answer, end - start)
            if is_whole:
                _require_md5(found.uri, data, answer)
            return data

    def _get_current(self, uri: str, max_bytes: int) -> tuple[bytes, StoredObject]:
        with self._opened(uri) as answer:
            found = _object(uri, answer, answer["ContentLength"])
            require_size(found, max_bytes)
            data = _body(answer, found.size_bytes)
            _require_md5(uri, data, answer)
            return data, found

    def _put(self, uri: str, data: bytes | Path, writer: str | None) -> None:
        condition = {"IfNoneMatch": "*", "Metadata": {WRITER: writer}} if writer else {}
        is_file = isinstance(data, Path)
        with data.open("rb") if is_file else contextlib.nullcontext(data) as body:
            self._connected().put_object(
                **_place(uri),
                Body=body,
                ContentType="application/octet-stream",
                **condition,
            )

    def _remove(self, uri: str) -> None:
        self._connected().delete_object(**_place(uri))

    @contextlib.contextmanager
    def _opened(self, uri: str, **conditions: str) -> Iterator[dict[str, Any]]:
        """Ask for an object; its body is closed at the end."""
        answer = self._connected().get_object(**_place(uri), **conditions)
        with contextlib.closing(answer["Body"]):
            if answer.get("ContentEncoding") == "gzip":
                raise CompressedError
            yield answer


def _place(uri: str) -> dict[str, str]:
    bucket, name = split_object_uri(uri)
    return {"Bucket": bucket, "Key": name}


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
        and not split_uri(uri)[0].endswith(_DIRECTORY_BUCKET)
        and hashlib.md5(data, usedforsecurity=False).hexdigest() != etag
    ):
        raise DamagedError
