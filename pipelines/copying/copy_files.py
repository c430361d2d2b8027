"""Copy photos into files of their own, of which none is ever written over."""

import hashlib
from collections.abc import Iterator, Sequence

from pipelines.copying.fetch_kept import fetch_file, fetch_kept
from pipelines.copying.kept_list import KeptPhoto
from pipelines.copying.report import CopyRow, CopyStatus, failed_row, taken_by_another
from pipelines.read_ahead import worked_ahead
from pipelines.storage import ObjectRefused, StorageError, join, storage_for
from schemas.failures import Failure, ImageFailure

_AHEAD = 8


def copy_files(photos: Sequence[KeptPhoto], target: str) -> Iterator[CopyRow]:
    """Copy photos and yield what became of each.

    What lies there already is read and compared; its photo is not read then.

    Args:
      photos: The photos.
      target: The folder of the copies.

    Raises:
      StorageError: If a store is down.
    """

    def copy_alone(photo: KeptPhoto) -> tuple[KeptPhoto, CopyRow | None]:
        return photo, _copy_alone(photo, target)

    packed: list[KeptPhoto] = []
    for photo, row in worked_ahead(copy_alone, photos, depth=_AHEAD):
        if row is None:
            packed.append(photo)
        else:
            yield row
    for photo, data in fetch_kept(packed):
        yield _put(photo, data, target)


def _copy_alone(photo: KeptPhoto, target: str) -> CopyRow | None:
    """Return what became of a photo; None of a packed one that is not there yet."""
    if found := _found(photo, target):
        return found
    return None if photo.source else _put(photo, fetch_file(photo), target)


def _found(photo: KeptPhoto, target: str) -> CopyRow | None:
    """Return what lies under the name of a photo's copy, None if nothing does."""
    uri = join(target, photo.target)
    storage = storage_for(uri)
    found = storage.stat(uri)
    if found is None:
        return None
    # The ledger's size of a packed photo may be that of the record around it.
    if photo.source or found.size_bytes == photo.size_bytes:
        try:
            data, _ = storage.read(uri, listed=found, max_bytes=found.size_bytes)
        except ObjectRefused as refused:
            failure = ImageFailure(refused.failure, f"in the target: {refused.detail}")
            return failed_row(photo.uri, photo.target, failure)
        if hashlib.sha256(data).hexdigest() == photo.sha256:
            return _done(photo, CopyStatus.ALREADY_THERE)
    return failed_row(photo.uri, photo.target, taken_by_another())


def _put(photo: KeptPhoto, data: bytes | ImageFailure, target: str) -> CopyRow:
    if isinstance(data, ImageFailure):
        return failed_row(photo.uri, photo.target, data)
    uri = join(target, photo.target)
    try:
        is_new = storage_for(uri).write_if_absent(uri, data)
    except StorageError as error:
        if isinstance(error.__cause__, FileExistsError | NotADirectoryError):
            detail = "a folder of its name in the target is a file"
            failure = ImageFailure(Failure.UNSAFE_NAME, detail)
            return failed_row(photo.uri, photo.target, failure)
        raise
    if is_new:
        return _done(photo, CopyStatus.COPIED)
    return _found(photo, target) or failed_row(
        photo.uri, photo.target, taken_by_another()
    )


def _done(photo: KeptPhoto, status: CopyStatus) -> CopyRow:
    return CopyRow(uri=photo.uri, target=photo.target, status=status)
