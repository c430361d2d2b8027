"""What every store offers, and how it fails."""

import dataclasses
import datetime
from collections.abc import Iterator
from typing import BinaryIO, Protocol


class StorageError(Exception):
    """A store cannot do what the program needs; one line says what, where and why."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class StoredObject:
    """What a listing says of one object.

    Attributes:
      uri: Its name, to be opened literally.
      size_bytes: Its size.
      generation: The store's version of it; another content has another generation.
      modified_at: When it last changed, UTC.
    """

    uri: str
    size_bytes: int
    generation: str
    modified_at: datetime.datetime


class Storage(Protocol):
    """A store. URIs are literal names: no part of them is matched or unescaped."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield all objects whose URI starts with `prefix`, however deep, streaming.

        Raises:
          StorageError: If the prefix cannot be listed; a missing one is just empty.
        """
        ...

    def stat(self, uri: str) -> StoredObject | None:
        """Return what the store says of one object, None if there is no such object.

        Raises:
          StorageError: If the store does not answer.
        """
        ...

    def is_folder(self, uri: str) -> bool:
        """Whether something lies below `uri`, which ends with a slash."""
        ...

    def read(
        self, uri: str, *, generation: str | None, max_bytes: int
    ) -> tuple[bytes, StoredObject]:
        """Read a whole object for scoring.

        Args:
          uri: The object.
          generation: The version that must be read, None for the current one.
          max_bytes: Larger objects are refused unread.

        Raises:
          ImageFailure: If this object cannot be read; others may be.
        """
        ...

    def open_read(self, uri: str) -> BinaryIO:
        """Open an object that the program itself needs, seekable.

        Raises:
          StorageError: If it cannot be opened.
        """
        ...

    def write(self, uri: str, data: bytes) -> None:
        """Create or replace an object: afterwards it is whole, or as it was before.

        Raises:
          StorageError: If it cannot be written.
        """
        ...

    def write_if_absent(self, uri: str, data: bytes) -> bool:
        """Create an object unless it exists; of two writers, exactly one succeeds.

        Returns:
          Whether this call created it.

        Raises:
          StorageError: If it cannot be written.
        """
        ...
