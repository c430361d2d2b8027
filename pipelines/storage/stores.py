"""Which store a URI belongs to."""

import contextlib
from collections.abc import Iterator
from typing import BinaryIO

from pipelines.storage.contract import Storage, StoredObject
from pipelines.storage.errors import StorageError
from pipelines.storage.local import LocalStorage
from pipelines.storage.ranged_reader import open_ranges
from pipelines.storage.uris import scheme_of

_INSTALL = {
    "gs": "gs:// needs the google-cloud-storage package: pip install 'musiq[gcp]'",
    "s3": "s3:// needs the boto3 package: pip install 'musiq[aws]'",
}
_stores: dict[str, Storage] = {}


def storage_for(uri: str) -> Storage:
    """Return the store of a URI, one object a process.

    Raises:
      StorageError: If its scheme is unknown or its client is not installed.
    """
    scheme = scheme_of(uri)
    if scheme not in _stores:
        return _stores.setdefault(scheme, make_store(scheme))
    return _stores[scheme]


def make_store(scheme: str) -> Storage:
    """Return a new store of a scheme, "" for plain paths.

    Raises:
      StorageError: If the scheme is unknown or its client is not installed.
    """
    try:
        match scheme:
            case "" | "file":
                return LocalStorage()
            case "gs":
                from pipelines.storage.buckets.google_cloud import GoogleCloudStorage

                return GoogleCloudStorage()
            case "s3":
                from pipelines.storage.buckets.amazon_s3 import AmazonS3Storage

                return AmazonS3Storage()
            case _:
                raise StorageError(
                    f"{scheme}:// is not supported; use a local path, gs:// or s3:// "
                    "instead"
                )
    except ImportError as error:
        raise StorageError(_INSTALL[scheme]) from error


@contextlib.contextmanager
def use_store(scheme: str, store: Storage) -> Iterator[None]:
    """Let this process find another store behind a scheme, such as one of a test."""
    before = _stores.get(scheme)
    _stores[scheme] = store
    try:
        yield
    finally:
        del _stores[scheme]
        if before is not None:
            _stores[scheme] = before


def open_listed(listed: StoredObject) -> BinaryIO:
    """Open exactly the generation that a listing told of, seekable.

    Reading raises `ObjectRefused` and `StorageError` as `Storage.read_part` does.
    """
    storage = storage_for(listed.uri)

    def fetch(start: int, end: int) -> bytes:
        return storage.read_part(listed, start, end)

    return open_ranges(fetch, listed.size_bytes)
