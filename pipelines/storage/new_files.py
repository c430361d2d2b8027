"""New files of any size: written on a disk of this machine, then put in place whole."""

import contextlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from typing import BinaryIO

from pipelines.storage.errors import StorageError
from pipelines.storage.stores import storage_for
from pipelines.storage.uris import is_local, path_of_uri
from schemas.errors import UsageError


class AlreadyThereError(UsageError):
    """A file that was to be new exists."""

    def __init__(self, uri: str):
        super().__init__(f"{uri} exists already; remove it, or name another file")


@contextlib.contextmanager
def new_file(uri: str) -> Iterator[BinaryIO]:
    """Open a new file; at the end of the block it is there, after an error it is not.

    Until then it lies beside its place, or in the folder for temporary files if that is
    in an object store.

    Args:
      uri: The file.

    Raises:
      AlreadyThereError: If it exists at the end, whoever has written it.
      StorageError: If it cannot be written.
    """
    path = os.path.join(_spool_folder(uri), f".musiq-{uuid.uuid4().hex}")
    try:
        with open(path, "xb") as file:
            yield file
        if not storage_for(uri).write_file_if_absent(uri, path):
            raise AlreadyThereError(uri)
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
