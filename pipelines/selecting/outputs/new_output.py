"""A new file in any store: written on a disk of this machine, put there whole."""

import contextlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from typing import BinaryIO

from pipelines.storage import Refused, StorageError, resolve, storage_for
from pipelines.storage.uris import is_local, path_of_uri
from schemas.errors import UsageError


def require_new_output(uri: str) -> str:
    """Return the full name of a file that is to be written and is not there yet.

    Raises:
      UsageError: If it is there, or names a folder, or nothing that can be written.
      StorageError: If the store does not answer.
    """
    try:
        full = resolve(uri, base=None)
    except Refused as refused:
        raise UsageError(f"{uri!r} names no file: {refused.detail}") from refused
    storage = storage_for(full)
    if full.endswith("/") or (is_local(full) and storage.is_folder(f"{full}/")):
        raise UsageError(f"{uri} is a folder; name a file in it")
    if storage.stat(full) is not None:
        raise _exists(uri)
    return full


@contextlib.contextmanager
def new_output(uri: str) -> Iterator[BinaryIO]:
    """Open a new file; at the end of the block it is there, after an error it is not.

    What is written lies on a disk of this machine until then: beside the file itself,
    or in the folder for temporary files if that is in an object store.

    Args:
      uri: The file, as `require_new_output` returned it.

    Raises:
      UsageError: If another program has written it meanwhile.
      StorageError: If it cannot be written.
    """
    path = os.path.join(_spool_folder(uri), f".musiq-{uuid.uuid4().hex}")
    try:
        with open(path, "xb") as file:
            yield file
        if not storage_for(uri).write_file_if_absent(uri, path):
            raise _exists(uri)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"cannot write {uri}: {reason}") from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _spool_folder(uri: str) -> str:
    if not is_local(uri):
        return tempfile.gettempdir()
    folder = os.path.dirname(os.fsdecode(path_of_uri(uri)))
    with contextlib.suppress(OSError):  # which opening the file tells, too
        os.makedirs(folder, exist_ok=True)
    return folder


def _exists(uri: str) -> UsageError:
    return UsageError(f"{uri} exists already; remove it, or name another file")
