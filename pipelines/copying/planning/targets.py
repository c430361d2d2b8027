"""The folder of copies: apart from the photos, and of one kind of copy alone."""

import json
import os
from collections.abc import Iterable

from pipelines.copying.config import CopyingConfig, Layout
from pipelines.copying.planning.target_names import OWN_FOLDER
from pipelines.storage import Refused, StorageError, join, resolve, storage_for
from pipelines.storage.uris import is_local, path_of_uri, uri_of_path
from schemas.errors import UsageError

_MARK = f"{OWN_FOLDER}/copy.json"
_TEMPORARY = ".musiq-"


def resolve_target(text: str) -> str:
    """Return the full name of the folder of copies, without a slash at its end.

    Raises:
      UsageError: If it names none.
    """
    try:
        return resolve(text, base=None).rstrip("/")
    except Refused as refused:
        raise UsageError(f"{text!r} names no folder: {refused.detail}") from refused


def folder_of_plan(target: str, plan: str, name: str) -> str:
    """Return where the list ("kept") or the report ("report") of a copy lies."""
    return join(target, f"{OWN_FOLDER}/{plan}/{name}")


class Apart:
    """Refuses a target that photos lie in, or that lies in a folder of photos.

    Copies there would be photos of the next run, and copies of copies.

    Args:
      target: The folder of the copies.
      sources: Folders of photos, with or without a slash at their end.

    Raises:
      UsageError: If the target is not apart from these.
    """

    def __init__(self, target: str, sources: Iterable[str]):
        self._target = target
        self._names = {f"{target}/", f"{_real(target)}/"}
        self._above = {
            name[: place + 1]
            for name in self._names
            for place, character in enumerate(name)
            if character == "/"
        }
        self._seen: set[str] = set()
        for source in sources:
            self._require(f"{source.rstrip('/')}/")

    def require(self, uris: Iterable[str]) -> None:
        """Refuse the target if one of these photos is not apart from it.

        Raises:
          UsageError: Naming the folder.
        """
        folders = {uri[: uri.rfind("/") + 1] for uri in uris} - self._seen
        for folder in folders:
            self._require(folder)
        if len(self._seen) < 100_000:
            self._seen |= folders

    def _require(self, folder: str) -> None:
        is_inside = any(folder.startswith(name) for name in self._names)
        if is_inside or folder in self._above:
            raise UsageError(
                f"--copy_to {self._target} is not apart from the photos in {folder}: "
                "the next run would take copies for photos; name a folder elsewhere"
            )


def require_usable(config: CopyingConfig) -> None:
    """Refuse a folder that holds anything but copies of this layout.

    Raises:
      UsageError: Naming what is there.
      StorageError: If it cannot be listed.
    """
    folder = f"{config.target}/"
    storage = storage_for(folder)
    mark = join(config.target, _MARK)
    if storage.stat(mark) is not None:
        with storage.open_read(mark) as file:
            found = json.loads(file.read())
        if found.get("layout") != config.layout:
            raise UsageError(
                f"--copy_to {config.target} holds copies laid out as "
                f"{found.get('layout')}; name another folder"
            )
        return
    for found in storage.list(folder):
        name = found.uri[len(folder) :]
        if not name.rpartition("/")[2].startswith(_TEMPORARY):
            raise UsageError(
                f"--copy_to {config.target} is not empty: it holds {name!r}; name a "
                "new folder"
            )


def mark_target(config: CopyingConfig, plan: str) -> None:
    """Say in the folder which copy it holds, or refuse another one.

    A folder of files may take the files of any number of selections; shards and
    training sets are of one.

    Raises:
      UsageError: If it holds another copy.
      StorageError: If it cannot be written.
    """
    only = None if config.layout is Layout.FILES else plan
    told = json.dumps({"layout": str(config.layout), "plan": only})
    mark = join(config.target, _MARK)
    storage = storage_for(mark)
    if storage.stat(mark) is None:
        storage.write_if_absent(mark, told.encode())
    with storage.open_read(mark) as file:
        found = file.read().decode()
    if found != told:
        raise UsageError(
            f"--copy_to {config.target} holds a copy of other rows, or one that was "
            "laid out otherwise; name a new folder"
        )


def _real(target: str) -> str:
    """Return a local folder's name with all links followed."""
    if not is_local(target):
        return target
    try:
        return uri_of_path(os.path.realpath(path_of_uri(target)))
    except OSError as error:
        raise StorageError(f"cannot look at {target}: {error.strerror}") from error
