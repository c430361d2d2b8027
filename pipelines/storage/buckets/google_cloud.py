"""Google Cloud Storage as a store: generations, preconditions and checksums.

STORAGE_EMULATOR_HOST is honoured, by the client itself.
"""

import base64
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import google.api_core.exceptions as api
import google_crc32c
from google.cloud.storage import Blob, Client

from pipelines.storage.buckets import google_cloud_errors
from pipelines.storage.buckets.faults import CompressedError
from pipelines.storage.buckets.object_names import split_object_uri
from pipelines.storage.buckets.store import WRITER, BucketStore
from pipelines.storage.contract import StoredObject, require_size
from pipelines.storage.retries import DamagedError

_FIELDS = "items(name,size,generation,updated),nextPageToken"
# To connect, and between bytes. The client itself repeats nothing: `Retrier` does.
_ASKED_ONCE: dict[str, Any] = {"retry": None, "timeout": (10.0, 30.0)}


class GoogleCloudStorage(BucketStore):
    """Objects of gs:// buckets."""

    errors = google_cloud_errors.ERRORS
    fault_of = staticmethod(google_cloud_errors.fault_of)

    def _connect(self) -> Client:
        return Client(project=None)

    def _list_page(
        self,
        bucket: str,
        prefix: str,
        token: str | None,
        after: str = "",
        count: int | None = None,
    ) -> tuple[Sequence[StoredObject], str | None]:
        blobs = self._connected().list_blobs(
            bucket,
            prefix=prefix,
            fields=_FIELDS,
            page_token=token,
            start_offset=after or None,
            page_size=count,
            **_ASKED_ONCE,
        )
        page = [_object(blob) for blob in next(blobs.pages, ())]
        return page, blobs.next_page_token

    def _head(self, uri: str) -> tuple[StoredObject, Mapping[str, str]]:
        blob = self._blob(uri)
        blob.reload(**_ASKED_ONCE)
        return _object(blob), blob.metadata or {}

    def _get(self, found: StoredObject, start: int, end: int) -> bytes:
        try:
            return self._download(found, start, end)
        except api.NotFound:
            self._head(found.uri)  # not there at all, or replaced?
            raise api.PreconditionFailed("replaced") from None

    def _get_current(self, uri: str, max_bytes: int) -> tuple[bytes, StoredObject]:
        found, _ = self._head(uri)
        require_size(found, max_bytes)
        return self._get(found, 0, found.size_bytes), found

    def _put(self, uri: str, data: bytes | Path, writer: str | None) -> None:
        blob = self._blob(uri)
        if writer:
            blob.metadata = {WRITER: writer}
        is_file = isinstance(data, Path)
        upload = blob.upload_from_filename if is_file else blob.upload_from_string
        upload(
            data,
            content_type="application/octet-stream",
            checksum="crc32c",
            if_generation_match=0 if writer else None,
            **_ASKED_ONCE,
        )

    def _remove(self, uri: str) -> None:
        with contextlib.suppress(api.NotFound):
            self._blob(uri).delete(**_ASKED_ONCE)

    def _download(self, found: StoredObject, start: int, end: int) -> bytes:
        """Read some bytes of one generation, their checksum checked if it is all."""
        is_whole = (start, end) == (0, found.size_bytes)
        pinned = {"if_generation_match": int(found.generation), **_ASKED_ONCE}
        blob = self._blob(found.uri)
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
            raise CompressedError
        return data

    def _blob(self, uri: str) -> Blob:
        bucket, name = split_object_uri(uri)
        return self._connected().bucket(bucket).blob(name)


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
