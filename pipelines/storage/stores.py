"""Which store a URI belongs to."""

import functools
from typing import BinaryIO

from pipelines.storage.contract import Storage, StoredObject
from pipelines.storage.errors import StorageError
from pipelines.storage.local import LocalStorage
from pipelines.storage.ranged_reader import open_ranges
from pipelines.storage.uris import scheme_of


def storage_for(uri: str) -> Storage:
    """Return the store of a URI, one object a process.

    Raises:
      StorageError: If its scheme is unknown or its client is not installed.
    """
    scheme = scheme_of(uri)
    if scheme in ("", "file"):
        return _local()
    if scheme == "gs":
        return _google_cloud()
    if scheme == "s3":
        return _amazon_s3()
    raise StorageError(
        f"{scheme}:// is not supported; use a local path, gs:// or s3:// instead"
    )


def open_listed(listed: StoredObject) -> BinaryIO:
    """Open exactly the generation that a listing told of, seekable.

    Reading raises `ObjectRefused` and `StorageError` as `Storage.read_part` does.
    """
    storage = storage_for(listed.uri)

    def fetch(start: int, end: int) -> bytes:
        return storage.read_part(listed, start, end)

    return open_ranges(fetch, listed.size_bytes)


@functools.cache
def _local() -> LocalStorage:
    return LocalStorage()


@functools.cache
def _google_cloud() -> Storage:
    try:
        from pipelines.storage.google_cloud import GoogleCloudStorage
    except ImportError as error:
        raise StorageError(
            "gs:// needs the google-cloud-storage package: pip install 'musiq[gcp]'"
        ) from error
    return GoogleCloudStorage()


@functools.cache
def _amazon_s3() -> Storage:
    try:
        from pipelines.storage.amazon_s3 import AmazonS3Storage
    except ImportError as error:
        raise StorageError(
            "s3:// needs the boto3 package: pip install 'musiq[aws]'"
        ) from error
    return AmazonS3Storage()
