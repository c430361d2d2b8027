"""What every store offers, and how it fails."""

import dataclasses
import datetime
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol

from pipelines.storage.errors import ObjectRefused
from pipelines.storage.name_ranges import NameRange
from schemas.failures import Failure


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class StoredObject:
    """What a listing says of one object.

    Attributes:
      uri: Its name, to be opened literally.
      size_bytes: Its size.
      generation: The store's version of it; another content has another generation.
      modified_at: When it last changed, UTC; None if what told of it does not say.
    """

    uri: str
    size_bytes: int
    generation: str
    modified_at: datetime.datetime | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SkippedLink:
    """A link in a folder that was not followed.

    Attributes:
      uri: The link itself.
      reason: Why, in words for all links of the kind.
      is_folder: Whether it leads to a folder.
    """

    uri: str
    reason: str
    is_folder: bool


def require_size(found: StoredObject, max_bytes: int) -> None:
    """Refuse an object before it is read.

    Raises:
      ObjectRefused: `too_large` if it has more than `max_bytes`.
    """
    if found.size_bytes > max_bytes:
        raise ObjectRefused(
            Failure.TOO_LARGE,
            f"{found.size_bytes} bytes exceed the limit of {max_bytes}",
            found.uri,
        )


class Storage(Protocol):
    """A store. URIs are literal names: no part of them is matched or unescaped."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield all objects whose URI starts with `prefix`, however deep, streaming.

        Raises:
          StorageError: If the prefix cannot be listed; a missing one is just empty.
        """
        ...

    def divide(self, prefix: str, *, after: str, wanted: int) -> Sequence[NameRange]:
        """Return ranges of the names below `prefix` that many can list at once.

        Together they are all of its names after one, each in exactly one range. None
        say that this store, or bucket, is listed by one.

        Args:
          prefix: As `list` takes it.
          after: URI of the object after which they begin.
          wanted: How many are enough; of few objects there are fewer.

        Raises:
          StorageError: If the prefix cannot be listed.
        """
        ...

    def list_range(self, prefix: str, names: NameRange) -> Iterator[StoredObject]:
        """Yield what `list` does, as far as it is in a range that `divide` gave.

        Raises:
          StorageError: If it cannot be listed, or not in the order of names.
        """
        ...

    def walk(
        self, prefix: str, *, follow_links: bool
    ) -> Iterator[StoredObject | SkippedLink]:
        """Yield all objects below `prefix`, also by links to folders, streaming.

        Args:
          prefix: Folder, or beginning of names in it.
          follow_links: Whether links may lead out of the folder. Loops are cut.

        Raises:
          StorageError: If a folder cannot be listed; a missing one is just empty.
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
        self, uri: str, *, listed: StoredObject | None, max_bytes: int
    ) -> tuple[bytes, StoredObject]:
        """Read a whole object for scoring.

        Args:
          uri: The object.
          listed: What a listing said of it: exactly that generation is read, and the
            store is not asked again. None reads the current generation.
          max_bytes: Larger objects are refused unread.

        Returns:
          The bytes and what they are: `listed`, if that was given.

        Raises:
          ObjectRefused: If this object cannot be read; others may be.
          StorageError: If none can be: credentials are missing, or the store is down.
        """
        ...

    def read_part(self, listed: StoredObject, start: int, end: int) -> bytes:
        """Read the bytes from `start` to `end`, which the object must have.

        Args:
          listed: What a listing said of the object: exactly that generation is read.
          start: Offset of the first byte.
          end: Offset behind the last.

        Raises:
          ObjectRefused: If this object cannot be read; others may be.
          StorageError: If none can be: credentials are missing, or the store is down.
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

    def delete(self, uri: str) -> None:
        """Delete an object; one that is gone already is no error.

        Raises:
          StorageError: If it cannot be deleted.
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

    def write_file_if_absent(self, uri: str, path: str) -> bool:
        """Create an object with the content of a local file, which is streamed.

        Args:
          uri: The object, created unless it exists, as by `write_if_absent`.
          path: The file, which must not be written to afterwards: on the same disk it
            may become the object itself.

        Returns:
          Whether this call created it.

        Raises:
          StorageError: If it cannot be written.
        """
        ...
