"""Parts of larger files: which of them an image is, and its bytes."""

from collections.abc import Callable
from typing import Protocol

from pipelines.scoring.reading.refusals import refusals_as_failures
from pipelines.storage import StoredObject, read_agreed, read_checked, storage_for
from schemas.failures import Failure, ImageFailure


class Part(Protocol):
    """All that finding an image in its file needs; every format has its own."""

    @property
    def size_bytes(self) -> int | None:
        """Its length; None if that is not known before it is read."""
        ...


@refusals_as_failures()
def read_range(
    found: StoredObject,
    start: int,
    end: int,
    *,
    is_right: Callable[[bytes], bool] | None = None,
) -> bytes:
    """Return bytes of a file, of the generation that was listed, and none damaged.

    Args:
      found: The file.
      start: Offset of the first byte.
      end: Offset behind the last.
      is_right: Whether bytes fit the checksum that they have: one read suffices then.
        None reads twice, until the reads agree.

    Raises:
      ImageFailure: If they cannot be read, or arrive damaged again and again.
      StorageError: If the store is down.
    """
    storage = storage_for(found.uri)
    if is_right is None:
        return read_agreed(storage, found, start, end)
    return read_checked(storage, found, start, end, is_right)


def require_part_size(size_bytes: int, max_bytes: int) -> None:
    """Refuse a part of a file as a whole file would be.

    Raises:
      ImageFailure: `too_large` if it has more than `max_bytes`.
    """
    if size_bytes > max_bytes:
        raise ImageFailure(
            Failure.TOO_LARGE, f"{size_bytes} bytes exceed the limit of {max_bytes}"
        )
