"""Local disk as a store."""

import contextlib
import datetime
import errno
import os
import stat
import uuid
from collections.abc import Iterator
from typing import BinaryIO

from pipelines.storage.contract import StorageError, StoredObject, require_size
from pipelines.storage.uris import path_of_uri, uri_of_path
from schemas.failures import Failure, ImageFailure

_FAILURES = {
    errno.ENOENT: Failure.NOT_FOUND,
    errno.ENOTDIR: Failure.NOT_FOUND,
    errno.EACCES: Failure.FORBIDDEN,
    errno.EPERM: Failure.FORBIDDEN,
    errno.ELOOP: Failure.UNREADABLE,
    errno.ENXIO: Failure.UNREADABLE,
    errno.EISDIR: Failure.UNREADABLE,
    errno.ENAMETOOLONG: Failure.UNSAFE_NAME,
    errno.EILSEQ: Failure.UNSAFE_NAME,
}


class LocalStorage:
    """Files of this machine; the generation of a file is its time of change in ns."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield all below a folder by name; links to folders are not followed."""
        folder, _, start = path_of_uri(prefix).rpartition(b"/")
        yield from self._list_folder(folder + b"/", start)

    def stat(self, uri: str) -> StoredObject | None:
        """Return what the disk says of one file, None for folders and missing files."""
        path = path_of_uri(uri)
        try:
            status = os.stat(path)
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            return None
        except OSError as error:
            raise _storage_error("look at", uri, error) from error
        return None if stat.S_ISDIR(status.st_mode) else _object(path, status)

    def is_folder(self, uri: str) -> bool:
        """Whether `uri` is a folder, empty or not."""
        return os.path.isdir(path_of_uri(uri))

    def read(
        self, uri: str, *, listed: StoredObject | None, max_bytes: int
    ) -> tuple[bytes, StoredObject]:
        """Read a whole regular file; pipes and devices are refused without waiting."""
        path = path_of_uri(uri)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(descriptor, "rb") as file:
                found = _object(path, os.fstat(descriptor))
                _require_readable(os.fstat(descriptor), found, listed, max_bytes)
                data = file.read(found.size_bytes + 1)
                after = _object(path, os.fstat(descriptor))
        except OSError as error:
            failure = _FAILURES.get(error.errno or 0, Failure.READ_ERROR)
            raise ImageFailure(failure, os.strerror(error.errno or 0)) from error
        if len(data) != found.size_bytes or after != found:
            raise ImageFailure(Failure.CHANGED, "the file changed while it was read")
        return data, found

    def open_read(self, uri: str) -> BinaryIO:
        """Open a file."""
        try:
            return open(path_of_uri(uri), "rb")
        except OSError as error:
            raise _storage_error("read", uri, error) from error

    def write(self, uri: str, data: bytes) -> None:
        """Write beside the file, then rename onto it."""
        with self._written_beside(uri, data) as (temporary, path):
            os.replace(temporary, path)

    def write_if_absent(self, uri: str, data: bytes) -> bool:
        """Write beside the file, then link to its name, which fails if it is taken."""
        with self._written_beside(uri, data) as (temporary, path):
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
        return True

    def _list_folder(self, folder: bytes, start: bytes = b"") -> Iterator[StoredObject]:
        try:
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise _storage_error("list", uri_of_path(folder), error) from error
        for entry in entries:
            if not entry.name.startswith(start):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._list_folder(entry.path + b"/")
            elif not os.path.isdir(entry.path):
                yield _listed(entry)

    @contextlib.contextmanager
    def _written_beside(self, uri: str, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Write a temporary file next to the wanted one and flush both to the disk."""
        path = path_of_uri(uri)
        folder = os.path.dirname(path)
        temporary = os.path.join(folder, f".musiq-{uuid.uuid4().hex}".encode())
        try:
            os.makedirs(folder, exist_ok=True)
            try:
                with open(temporary, "xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                yield temporary, path
                _flush_folder(folder)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary)
        except OSError as error:
            raise _storage_error("write", uri, error) from error


def _require_readable(
    status: os.stat_result,
    found: StoredObject,
    listed: StoredObject | None,
    max_bytes: int,
) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ImageFailure(Failure.UNREADABLE, "not a regular file")
    if listed is not None and found != listed:
        raise ImageFailure(Failure.CHANGED, "the file changed after it was listed")
    require_size(found, max_bytes)


def _listed(entry: os.DirEntry[bytes]) -> StoredObject:
    """Describe a directory entry; a dangling link is described by itself."""
    try:
        return _object(entry.path, entry.stat())
    except OSError:
        return _object(entry.path, entry.stat(follow_symlinks=False))


def _object(path: bytes, status: os.stat_result) -> StoredObject:
    seconds, nanoseconds = divmod(status.st_mtime_ns, 10**9)
    modified_at = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return StoredObject(
        uri=uri_of_path(path),
        size_bytes=status.st_size,
        generation=str(status.st_mtime_ns),
        modified_at=modified_at.replace(microsecond=nanoseconds // 1000),
    )


def _flush_folder(folder: bytes) -> None:
    """Make a new name in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _storage_error(action: str, uri: str, error: OSError) -> StorageError:
    return StorageError(f"cannot {action} {uri}: {os.strerror(error.errno or 0)}")
