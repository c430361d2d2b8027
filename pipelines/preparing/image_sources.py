"""Where the images of one shard come from: listed files, tar members or TFRecords."""

import dataclasses
from collections.abc import Iterator
from typing import Protocol

from pipelines.preparing.labels import LabelledImage
from pipelines.read_ahead import ReadAhead
from pipelines.storage import ObjectRefused, storage_for
from schemas.failures import Failure

FILE_MAX_BYTES = 2**29
_FILES_AHEAD = 4

# Reading again may give the file; what is left out must not depend on a bad moment.
_FATAL = {Failure.READ_ERROR, Failure.CHANGED, Failure.NOT_FOUND}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class FoundImage:
    """A row with the file of its image, or why that cannot be read."""

    row: LabelledImage
    data: bytes | Failure


class ImageSource(Protocol):
    """Yields labelled images in an order that never changes."""

    def images(self) -> Iterator[FoundImage]:
        """Yield the images.

        Raises:
          StorageError: If the store does not answer.
          ReleaseError: If the release is damaged beyond single images.
        """
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageFiles:
    """Images that lie in files of their own.

    Attributes:
      rows: The images.
      uris: Their files.
    """

    rows: tuple[LabelledImage, ...]
    uris: tuple[str, ...]

    def images(self) -> Iterator[FoundImage]:
        """Yield the images, a few files ahead of the one that is used."""
        ahead = ReadAhead(_read_file, depth=_FILES_AHEAD, threads=_FILES_AHEAD)
        try:
            for item in zip(self.rows, self.uris, strict=True):
                yield from ahead.add(item)
            yield from ahead.drain()
        finally:
            ahead.close()


def _read_file(item: tuple[LabelledImage, str]) -> FoundImage:
    row, uri = item
    try:
        data, _ = storage_for(uri).read(uri, listed=None, max_bytes=FILE_MAX_BYTES)
    except ObjectRefused as refused:
        if refused.failure in _FATAL:
            raise
        return FoundImage(row=row, data=refused.failure)
    return FoundImage(row=row, data=data)
