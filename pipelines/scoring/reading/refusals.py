"""What a store refuses is, to scoring, the failure of an image: here it becomes one."""

import contextlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from pipelines.storage import (
    Refused,
    StoredObject,
    open_ranges,
    read_agreed,
    storage_for,
)
from schemas.failures import ImageFailure


@contextlib.contextmanager
def refusals_as_failures() -> Iterator[None]:
    """Turn a store's refusal of a name or an object into the image's failure.

    Raises:
      ImageFailure: If something in it raises `Refused`. Other errors of stores pass:
        they are no image's fault.
    """
    try:
        yield
    except Refused as refusal:
        raise ImageFailure(refusal.failure, refusal.detail) from refusal


def open_shard(listed: StoredObject) -> BinaryIO:
    """Open exactly the generation of a file of images that a listing told of, seekable.

    All is read twice, until the reads agree: what arrives damaged must not pass for the
    file's content, nor for the end of it. Reading raises `ImageFailure` and
    `StorageError`.
    """
    storage = storage_for(listed.uri)
    return _open(listed, lambda start, end: read_agreed(storage, listed, start, end))


def open_unchecked(listed: StoredObject) -> BinaryIO:
    """Open a file likewise, for who checks all that is read, which may be damaged."""
    storage = storage_for(listed.uri)
    return _open(listed, lambda start, end: storage.read_part(listed, start, end))


def _open(listed: StoredObject, fetch: Callable[[int, int], bytes]) -> BinaryIO:
    return open_ranges(refusals_as_failures()(fetch), listed.size_bytes)
