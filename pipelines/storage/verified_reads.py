"""Parts of an object whose bytes are known to be those that are stored.

No store tells a checksum of the bytes of a range: Cloud Storage tells that of the whole
object, S3 at most that of one part of an upload. So a range is read until its bytes fit
a checksum that the reader knows, or else until two reads of it agree.
"""

from collections.abc import Callable

from pipelines.storage.contract import Storage, StoredObject
from pipelines.storage.errors import ObjectRefused
from schemas.failures import Failure

_CHECKED_READS = 3
_READS_TO_AGREE = 6
_WIDER_BYTES = 4096


def read_checked(
    storage: Storage,
    listed: StoredObject,
    start: int,
    end: int,
    is_right: Callable[[bytes], bool],
) -> bytes:
    """Return the bytes from `start` to `end`: one read, and more while it is damaged.

    Args:
      storage: The store.
      listed: What a listing said of the object.
      start: Offset of the first byte.
      end: Offset behind the last.
      is_right: Whether bytes fit the checksum that they have.

    Raises:
      ObjectRefused: `read_error` if they never do; or as `Storage.read_part` does.
      StorageError: As `Storage.read_part` does.
    """
    for _ in range(_CHECKED_READS):
        data = storage.read_part(listed, start, end)
        if is_right(data):
            return data
    raise ObjectRefused(
        Failure.READ_ERROR,
        f"the bytes from {start} to {end} do not match their checksum, however often "
        "they are read",
        listed.uri,
    )


def read_agreed(storage: Storage, listed: StoredObject, start: int, end: int) -> bytes:
    """Return the bytes from `start` to `end` once two reads of them agree.

    Each read asks for a few KiB more than the one before, so that two do not agree
    because a cache answers, or because the same place of every answer is damaged.

    Raises:
      ObjectRefused: `read_error` if no two reads agree; or as `Storage.read_part` does.
      StorageError: As `Storage.read_part` does.
    """
    if start == end:
        return b""
    before: list[bytes] = []
    for number in range(_READS_TO_AGREE):
        data = _read_wider(storage, listed, start, end, number * _WIDER_BYTES)
        if data in before:
            return data
        before.append(data)
    raise ObjectRefused(
        Failure.READ_ERROR,
        f"the bytes from {start} to {end} are others whenever they are read",
        listed.uri,
    )


def _read_wider(
    storage: Storage, listed: StoredObject, start: int, end: int, more: int
) -> bytes:
    """Read a range, up to `more` bytes before it and three times that behind it.

    The middle of every read lies elsewhere. Near the end of an object, nothing is read
    behind a range; of one that is not longer, all is read, which its store checks.
    """
    before, after = min(more, start), 3 * more
    if after > listed.size_bytes - end:
        after = 0
        if start < more:
            before, after = start, listed.size_bytes - end
    data = storage.read_part(listed, start - before, end + after)
    return data[before : before + end - start]
