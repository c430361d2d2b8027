"""Which part of a larger file an image is: all that finding it again needs."""

from typing import Protocol

from schemas.failures import Failure, ImageFailure


class Part(Protocol):
    """One image's place in a file; what that is depends on the file's format."""

    @property
    def size_bytes(self) -> int | None:
        """Its length; None if that is not known before it is read."""
        ...


def require_part_size(size_bytes: int, max_bytes: int) -> None:
    """Refuse a part of a file as a whole file would be.

    Raises:
      ImageFailure: `too_large` if it has more than `max_bytes`.
    """
    if size_bytes > max_bytes:
        raise ImageFailure(
            Failure.TOO_LARGE, f"{size_bytes} bytes exceed the limit of {max_bytes}"
        )
