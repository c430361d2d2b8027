"""Fetch: an image ref becomes the bytes of its image, or a failed ledger row."""

import dataclasses
import hashlib
from collections.abc import Iterator

from pipelines.dofns import AheadDoFn
from pipelines.read_ahead import ReadAhead
from pipelines.scoring.forbidden_run import ForbiddenRun
from pipelines.scoring.image_ref import ImageRef, with_object
from pipelines.scoring.shards.parquet_rows import ParquetRows, read_rows
from pipelines.scoring.shards.read_part import read_part
from pipelines.storage import storage_for
from schemas.failures import Failure, ImageFailure
from schemas.ledger import LedgerRow

_FILES_AHEAD = 4


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class FetchedImage:
    """A file's bytes with what is known of it so far."""

    row: LedgerRow
    data: bytes


def fetch_image(ref: ImageRef, *, max_file_bytes: int) -> FetchedImage | LedgerRow:
    """Read an image, pinned to the generation of its file that was listed.

    Args:
      ref: The image; its URI is opened literally.
      max_file_bytes: Larger images fail as `too_large`, unread.

    Returns:
      The bytes and the row's facts, or the failed row.
    """
    if ref.refusal is not None:
        return ref.row().failed(*ref.refusal)
    try:
        if ref.part is not None:
            return _fetched(ref.row(), read_part(ref, max_bytes=max_file_bytes))
        data, found = storage_for(ref.uri).read(
            ref.uri, listed=ref.listed, max_bytes=max_file_bytes
        )
    except ImageFailure as failure:
        return ref.row().failed(failure.failure, failure.detail)
    return _fetched(with_object(ref.row(), found), data)


def fetch_rows(
    rows: ParquetRows, *, max_file_bytes: int
) -> Iterator[FetchedImage | LedgerRow]:
    """Read images of one row group in one go, a few at a time.

    Args:
      rows: The images.
      max_file_bytes: Larger images fail as `too_large`.

    Yields:
      For each image its bytes and the row's facts, or the failed row.
    """
    for ref, read in read_rows(rows, max_bytes=max_file_bytes):
        if isinstance(read, ImageFailure):
            yield ref.row().failed(read.failure, read.detail)
        else:
            row = dataclasses.replace(ref.row(), size_bytes=len(read))
            yield _fetched(row, read)


def _fetched(row: LedgerRow, data: bytes) -> FetchedImage:
    digest = hashlib.sha256(data).hexdigest()
    return FetchedImage(row=dataclasses.replace(row, sha256=digest), data=data)


class FetchImage(AheadDoFn[ImageRef | ParquetRows, FetchedImage | LedgerRow]):
    """`fetch_image` for every ref, a few files ahead of the one that is used.

    `fetch_rows` for images that lie in one row group of a Parquet file.

    Raises `StorageError` when the store refuses everything.
    """

    def __init__(self, *, max_file_bytes: int):
        self._max_file_bytes = max_file_bytes

    def start_ahead(self) -> ReadAhead:
        """Start to count what the store refuses, and the threads."""
        self._forbidden_run = ForbiddenRun()
        return ReadAhead(self._fetch, depth=_FILES_AHEAD, threads=_FILES_AHEAD)

    def process(
        self, element: ImageRef | ParquetRows
    ) -> Iterator[FetchedImage | LedgerRow]:
        """Emit the images that have come, or their failed rows."""
        if isinstance(element, ParquetRows):
            yield from fetch_rows(element, max_file_bytes=self._max_file_bytes)
        else:
            yield from super().process(element)

    def _fetch(self, ref: ImageRef) -> FetchedImage | LedgerRow:
        fetched = fetch_image(ref, max_file_bytes=self._max_file_bytes)
        if isinstance(fetched, LedgerRow) and fetched.failure is Failure.FORBIDDEN:
            self._forbidden_run.refused(ref.uri, fetched.failure_detail or "")
        elif ref.refusal is None:
            self._forbidden_run.admitted()
        return fetched
