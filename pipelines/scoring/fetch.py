"""Fetch: an image ref becomes the bytes of its file, or a failed ledger row."""

import dataclasses
import hashlib
from collections.abc import Iterator

import apache_beam as beam

from pipelines.scoring.image_ref import ImageRef, with_object
from pipelines.storage import storage_for
from schemas.failures import ImageFailure
from schemas.ledger import LedgerRow


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class FetchedImage:
    """A file's bytes with what is known of it so far."""

    row: LedgerRow
    data: bytes


def fetch_image(ref: ImageRef, *, max_file_bytes: int) -> FetchedImage | LedgerRow:
    """Read a whole image file, pinned to the generation that was listed.

    Args:
      ref: The image; its URI is opened literally.
      max_file_bytes: Larger files fail as `too_large`, unread.

    Returns:
      The bytes and the row's facts, or the failed row.
    """
    if ref.refusal is not None:
        return ref.row().failed(*ref.refusal)
    try:
        data, found = storage_for(ref.uri).read(
            ref.uri, listed=ref.listed, max_bytes=max_file_bytes
        )
    except ImageFailure as failure:
        return ref.row().failed(failure.failure, failure.detail)
    digest = hashlib.sha256(data).hexdigest()
    row = dataclasses.replace(with_object(ref.row(), found), sha256=digest)
    return FetchedImage(row=row, data=data)


class FetchImage(beam.DoFn):
    """`fetch_image` for every ref."""

    def __init__(self, *, max_file_bytes: int):
        self._max_file_bytes = max_file_bytes

    def process(self, ref: ImageRef) -> Iterator[FetchedImage | LedgerRow]:
        """Emit the file or its failed row."""
        yield fetch_image(ref, max_file_bytes=self._max_file_bytes)
