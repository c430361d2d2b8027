"""Fetch: an image ref becomes the bytes of its image, or a failed ledger row."""

import dataclasses
import hashlib
from collections import deque
from collections.abc import Iterator, Sequence

from pipelines.dofns import AheadDoFn
from pipelines.read_ahead import ReadAhead
from pipelines.scoring.image_ref import ImageRef, with_object
from pipelines.scoring.monitoring.metrics import (
    FETCH_MS,
    Stopwatch,
    count_bytes_read,
    count_retries,
)
from pipelines.scoring.reading.forbidden_run import ForbiddenRun
from pipelines.scoring.reading.gather import RefGroup
from pipelines.scoring.reading.refusals import refusals_as_failures
from pipelines.scoring.shards.formats import format_of_part
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

    Raises:
      StorageError: If the store is down.
    """
    if ref.refusal is not None:
        return ref.row().failed(*ref.refusal)
    if ref.part is not None:
        [fetched] = fetch_together([ref], max_file_bytes=max_file_bytes)
        return fetched
    try:
        with refusals_as_failures():
            data, found = storage_for(ref.uri).read(
                ref.uri, listed=ref.listed, max_bytes=max_file_bytes
            )
    except ImageFailure as failure:
        return ref.row().failed(failure.failure, failure.detail)
    return _fetched(with_object(ref.row(), found), data)


def fetch_together(
    refs: Sequence[ImageRef], *, max_file_bytes: int
) -> Iterator[FetchedImage | LedgerRow]:
    """Read images of one piece of one file in one go, a few at a time.

    Args:
      refs: The images, by their places.
      max_file_bytes: Larger images fail as `too_large`.

    Yields:
      For each image its bytes and the row's facts, or the failed row.

    Raises:
      StorageError: If the store is down.
    """
    found, parts = refs[0].listed, [ref.part for ref in refs]
    assert found is not None
    assert parts[0] is not None
    images = format_of_part(parts[0]).read(found, parts, max_bytes=max_file_bytes)
    damage = None
    for ref in refs:
        try:
            image = next(images) if damage is None else damage
        except ImageFailure as failure:
            image = damage = failure
        row = ref.row()
        if isinstance(image, ImageFailure):
            yield row.failed(image.failure, image.detail)
        elif row.size_bytes is None:
            yield _fetched(dataclasses.replace(row, size_bytes=len(image)), image)
        else:
            yield _fetched(row, image)


def _fetched(row: LedgerRow, data: bytes) -> FetchedImage:
    digest = hashlib.sha256(data).hexdigest()
    return FetchedImage(row=dataclasses.replace(row, sha256=digest), data=data)


class FetchImage(AheadDoFn[RefGroup, FetchedImage | LedgerRow]):
    """`fetch_image` for every ref, a few files ahead of the one that is used.

    Images that are read together come straight from `fetch_together`: all of them may
    be more than there is memory.

    Raises `StorageError` when the store refuses everything.
    """

    def __init__(self, *, max_file_bytes: int):
        self._max_file_bytes = max_file_bytes

    def start_ahead(self) -> ReadAhead:
        """Start to count what the store refuses, and the threads."""
        self._forbidden_run = ForbiddenRun()
        self._times = Stopwatch(FETCH_MS)
        self._bytes_read: deque[int] = deque()
        return ReadAhead(self._fetch, depth=_FILES_AHEAD, threads=_FILES_AHEAD)

    def process(
        self, element: RefGroup, is_checked: bool = True
    ) -> Iterator[FetchedImage | LedgerRow]:
        """Emit the images that have come, or their failed rows.

        Args:
          element: What is read together.
          is_checked: Of a job, that its plan was; nothing is read until it is known.
        """
        assert is_checked
        if len(element.refs) == 1:
            yield from super().process(element)
        else:
            images = fetch_together(element.refs, max_file_bytes=self._max_file_bytes)
            for image in self._times.each(images):
                self._note(image)
                yield image
            self.report()

    def report(self) -> None:
        """Tell Beam of times, bytes and retries."""
        self._times.report()
        while self._bytes_read:
            count_bytes_read(self._bytes_read.popleft())
        count_retries()

    def _note(self, fetched: FetchedImage | LedgerRow) -> None:
        if isinstance(fetched, FetchedImage):
            self._bytes_read.append(len(fetched.data))

    def _fetch(self, group: RefGroup) -> FetchedImage | LedgerRow:
        [ref] = group.refs
        with self._times.time():
            fetched = fetch_image(ref, max_file_bytes=self._max_file_bytes)
        self._note(fetched)
        if isinstance(fetched, LedgerRow) and fetched.failure is Failure.FORBIDDEN:
            self._forbidden_run.refused(ref.uri, fetched.failure_detail or "")
        elif ref.refusal is None:
            self._forbidden_run.admitted()
        return fetched
