"""The file that a list is to become, looked at before anything is computed."""

from pipelines.storage import Refused, resolve, storage_for
from pipelines.storage.new_files import AlreadyThereError
from pipelines.storage.uris import is_local
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
        raise AlreadyThereError(uri)
    return full
