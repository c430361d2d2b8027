"""Parts of larger files: which of them an image is, and its bytes."""

from typing import Protocol

from pipelines.scoring.refusals import refusals_as_failures
from pipelines.storage import StoredObject, storage_for
from schemas.failures import Failure, ImageFailure


class Part(Protocol):
    """All that finding an image in its file needs; every format has its own."""

    @property
    def size_bytes(self) -> int | None:
        """Its length; None if that is not known before it is read."""
        ...


@refusals_as_failures()
def read_range(found: StoredObject, start: int, end: int) -> bytes:
    """Return bytes of a file, of the generation that was listed, by one ranged read.

    Args:
      found: The file.
      start: Offset of the first byte.
      end: Offset behind the last.

    Raises:
      ImageFailure: If they cannot be read.
      StorageError: If the store is down.
    """
    return storage_for(found.uri).read_part(found, start, end)


def require_part_size(size_bytes: int, max_bytes: int) -> None:
    """Refuse a part of a file as a whole file would be.

    Raises:
      ImageFailure: `too_large` if it has more than `max_bytes`.
    """
    if size_bytes > max_bytes:
        raise ImageFailure(
            Failure.TOO_LARGE, f"{size_bytes} bytes exceed the limit of {max_bytes}"
        )
