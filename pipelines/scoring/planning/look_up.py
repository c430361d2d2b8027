"""Look up: what the store says of inputs that a list names and no listing told of."""

import dataclasses
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

from pipelines.scoring.image_ref import ImageRef
from pipelines.storage import StorageError, storage_for

_THREADS = 16
_ERRORS_IN_A_ROW = 3


def look_up_known(refs: Sequence[ImageRef], known: Collection[str]) -> list[ImageRef]:
    """Return all refs; those that no listing told of and `known` has are looked up.

    Raises:
      StorageError: If several in a row could not be looked at: the store is down.
    """
    unlisted, others = [], []
    for ref in refs:
        is_open = not (ref.listed or ref.refusal)
        (unlisted if is_open and ref.uri in known else others).append(ref)
    return [*others, *look_up(unlisted)]


def look_up(refs: Sequence[ImageRef]) -> list[ImageRef]:
    """Return refs that say which object they mean, where the store told.

    Reading is pinned to that object then, and asks no second time. What does not exist
    or cannot be looked at stays as it was: reading it will tell its own failure.

    Raises:
      StorageError: If several in a row could not be looked at: the store is down.
    """
    if not refs:
        return []
    shares = [refs[k::_THREADS] for k in range(_THREADS)]
    with ThreadPoolExecutor(_THREADS) as threads:
        return [ref for share in threads.map(_look_up_share, shares) for ref in share]


def _look_up_share(refs: Sequence[ImageRef]) -> list[ImageRef]:
    found, errors = [], 0
    for ref in refs:
        try:
            listed = storage_for(ref.uri).stat(ref.uri)
            errors = 0
        except StorageError:
            listed, errors = None, errors + 1
            if errors == _ERRORS_IN_A_ROW:
                raise
        found.append(dataclasses.replace(ref, listed=listed))
    return found
