"""What a store refuses is, to scoring, the failure of an image: here it becomes one."""

import contextlib
from collections.abc import Iterator
from typing import BinaryIO

from pipelines.storage import Refused, StoredObject, open_ranges, storage_for
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

    Reading raises `ImageFailure` and `StorageError`.
    """
    storage = storage_for(listed.uri)

    @refusals_as_failures()
    def fetch(start: int, end: int) -> bytes:
        return storage.read_part(listed, start, end)

    return open_ranges(fetch, listed.size_bytes)
