"""Walk a local folder: every file by name, and what becomes of links."""

import contextlib
import enum
import os
from collections import Counter
from collections.abc import Iterator

from pipelines.storage.contract import SkippedLink
from pipelines.storage.errors import StorageError
from pipelines.storage.uris import uri_of_path

# Links that lead to one another in every way would give endless names otherwise.
_MAX_LINKS_TO_ONE_FOLDER = 1000

_Found = tuple[bytes, os.stat_result]


class Links(enum.Enum):
    """Which links a walk follows; one that leads nowhere is a file in any case."""

    TO_FILES = "to files"
    WITHIN = "within the folder that is walked"
    ALL = "all"


def walk(prefix: bytes, links: Links) -> Iterator[_Found | SkippedLink]:
    """Yield the files below a folder with what the disk says of each.

    Args:
      prefix: A path; what follows its last slash is what names in that folder begin
        with.
      links: Which links are followed. Of those that are not, `TO_FILES` tells nothing.

    Raises:
      StorageError: If a folder cannot be listed.
    """
    folder = prefix[: prefix.rfind(b"/") + 1]
    rule = _LinkRule(folder, links)
    above = [folder]
    scans = [_scan(folder, os.path.basename(prefix))]
    while scans:
        entry = next(scans[-1], None)
        if entry is None:
            scans.pop()
            above.pop()
            continue
        path = above[-1] + entry.name
        if entry.is_symlink():
            followed = rule.follow(path, above)
            if isinstance(followed, SkippedLink):
                yield followed
                continue
            is_folder = followed
        else:
            is_folder = entry.is_dir(follow_symlinks=False)
        if is_folder:
            above.append(path + b"/")
            scans.append(_scan(above[-1]))
        elif is_folder is not None:
            with contextlib.suppress(FileNotFoundError):  # gone by now
                yield path, _look_at(path)


class _LinkRule:
    """Decides about the links of one walk."""

    def __init__(self, root: bytes, links: Links):
        self._root = os.path.realpath(root or b".")
        self._links = links
        self._followed: Counter[tuple[int, int]] = Counter()

    def follow(self, path: bytes, above: list[bytes]) -> bool | SkippedLink | None:
        """Return whether a link leads to a folder, or why it is not followed.

        None says that it is passed over without a word.
        """
        is_folder = os.path.isdir(path)
        if self._links is Links.TO_FILES:
            return None if is_folder else False
        if not os.path.exists(path):
            return False
        what = "folders" if is_folder else "files"
        if self._links is Links.WITHIN and self._leads_out(path):
            return SkippedLink(
                uri=uri_of_path(path),
                reason=f"links to {what} out of the input (--follow_links)",
                is_folder=is_folder,
            )
        if not is_folder:
            return False
        identity = _identity(path)
        if identity in map(_identity, above):
            return SkippedLink(
                uri=uri_of_path(path),
                reason="links to folders that they lie in",
                is_folder=True,
            )
        self._followed[identity] += 1
        if self._followed[identity] > _MAX_LINKS_TO_ONE_FOLDER:
            return SkippedLink(
                uri=uri_of_path(path),
                reason=f"links to a folder with {_MAX_LINKS_TO_ONE_FOLDER:,} others",
                is_folder=True,
            )
        return True

    def _leads_out(self, path: bytes) -> bool:
        target = os.path.realpath(path)
        return os.path.commonpath([self._root, target]) != self._root


def _scan(folder: bytes, start: bytes = b"") -> Iterator[os.DirEntry[bytes]]:
    """Yield what is in one folder by name."""
    try:
        with os.scandir(folder or b".") as scan:
            entries = [entry for entry in scan if entry.name.startswith(start)]
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:  # names the folder, which the prefix need not
        reason = error.strerror or str(error)
        raise StorageError(f"cannot list {uri_of_path(folder)}: {reason}") from error
    yield from sorted(entries, key=lambda entry: entry.name)


def _look_at(path: bytes) -> os.stat_result:
    """Describe a file; a link that leads nowhere is described by itself."""
    try:
        return os.stat(path)
    except OSError:
        return os.lstat(path)


def _identity(folder: bytes) -> tuple[int, int]:
    status = os.stat(folder or b".")
    return status.st_dev, status.st_ino
