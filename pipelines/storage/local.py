"""Local disk as a store."""

import contextlib
import datetime
import errno
import os
import shutil
import stat
import uuid
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from pipelines.storage.contract import SkippedLink, StoredObject, require_size
from pipelines.storage.errors import ObjectRefused, StorageError
from pipelines.storage.file_generation import (
    file_generation,
    is_same_generation,
    is_same_time,
)
from pipelines.storage.folders.walk import Links, walk
from pipelines.storage.name_ranges import NameRange
from pipelines.storage.uris import path_of_uri, uri_of_path
from schemas.failures import Failure

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
# Disks hold times that a datetime cannot.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799


class LocalStorage:
    """Files of this machine."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield all below a folder by name; links to folders are not followed."""
        with _errors_at("list", prefix):
            for found in walk(path_of_uri(prefix), Links.TO_FILES):
                if not isinstance(found, SkippedLink):
                    yield _object(*found)

    def divide(self, prefix: str, *, after: str, wanted: int) -> Sequence[NameRange]:
        """Return nothing: a disk is listed by one."""
        return ()

    def list_range(self, prefix: str, names: NameRange) -> Iterator[StoredObject]:
        """Yield what is below a folder and in a range of names."""
        for found in self.list(prefix):
            if found.uri > names.after and not names.is_beyond(found.uri):
                yield found

    def walk(
        self, prefix: str, *, follow_links: bool
    ) -> Iterator[StoredObject | SkippedLink]:
        """Yield all below a folder by name, through links to folders as well."""
        rule = Links.ALL if follow_links else Links.WITHIN
        with _errors_at("list", prefix):
            for found in walk(path_of_uri(prefix), rule):
                yield found if isinstance(found, SkippedLink) else _object(*found)

    def stat(self, uri: str) -> StoredObject | None:
        """Return what the disk says of one file, None for folders and missing files."""
        with _errors_at("look at", uri):
            path = path_of_uri(uri)
            try:
                status = os.stat(path)
            except (FileNotFoundError, NotADirectoryError):
                return None
        return None if stat.S_ISDIR(status.st_mode) else _object(path, status)

    def is_folder(self, uri: str) -> bool:
        """Whether `uri` is a folder, empty or not."""
        with _errors_at("look at", uri):
            return os.path.isdir(path_of_uri(uri))

    def read(
        self, uri: str, *, listed: StoredObject | None, max_bytes: int
    ) -> tuple[bytes, StoredObject]:
        """Read a whole regular file; pipes and devices are refused without waiting."""
        with _refusals_of(uri):
            path = path_of_uri(uri)
            with _open_regular(path) as file:
                found = _object(path, os.fstat(file.fileno()))
                if listed is not None:
                    _require_unchanged(found, listed)
                require_size(found, max_bytes)
                data = file.read(found.size_bytes + 1)
                after = _object(path, os.fstat(file.fileno()))
        if len(data) != found.size_bytes or not _is_unwritten(after, found):
            raise ObjectRefused(
                Failure.CHANGED, "the file changed while it was read", uri
            )
        return data, found

    def read_part(self, listed: StoredObject, start: int, end: int) -> bytes:
        """Read some bytes of a regular file that is as it was listed."""
        with _refusals_of(listed.uri):
            path = path_of_uri(listed.uri)
            with _open_regular(path) as file:
                _require_unchanged(_object(path, os.fstat(file.fileno())), listed)
                file.seek(start)
                data = file.read(end - start)
                after = _object(path, os.fstat(file.fileno()))
        if not _is_unwritten(after, listed):
            raise ObjectRefused(
                Failure.CHANGED, "the file changed while it was read", listed.uri
            )
        return data

    def open_read(self, uri: str) -> BinaryIO:
        """Open a regular file; pipes and devices are refused without waiting."""
        with _errors_at("read", uri):
            return _open_regular(path_of_uri(uri))

    def write(self, uri: str, data: bytes) -> None:
        """Write beside the file, then rename onto it."""
        with self._written_beside(uri, data) as (temporary, path):
            os.replace(temporary, path)

    def delete(self, uri: str) -> None:
        """Delete a file, and its folder if that is empty then."""
        with _errors_at("delete", uri):
            path = path_of_uri(uri)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(path))

    def write_if_absent(self, uri: str, data: bytes) -> bool:
        """Write beside the file, then link to its name, which fails if it is taken."""
        with self._written_beside(uri, data) as (temporary, path):
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
        return True

    def write_file_if_absent(self, uri: str, path: str) -> bool:
        """Give a file another name, or from another disk a copy of it."""
        with _errors_at("write", uri):
            target = path_of_uri(uri)
            folder = os.path.dirname(target) or b"."
            os.makedirs(folder, exist_ok=True)
            with open(path, "rb") as file:
                os.fsync(file.fileno())
            source, copied = os.fsencode(path), None
            try:
                if os.stat(source).st_dev != os.stat(folder).st_dev:
                    copied = source = _temporary(folder)
                    shutil.copyfile(path, copied)
                    with open(copied, "rb") as file:
                        os.fsync(file.fileno())
                os.link(source, target)
            except FileExistsError:
                return False
            finally:
                if copied is not None:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(copied)
            _flush_folder(folder)
        return True

    @contextlib.contextmanager
    def _written_beside(self, uri: str, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Write a temporary file next to the wanted one and flush both to the disk."""
        with _errors_at("write", uri):
            path = path_of_uri(uri)
            folder = os.path.dirname(path) or b"."
            temporary = _temporary(folder)
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


@contextlib.contextmanager
def _refusals_of(uri: str) -> Iterator[None]:
    try:
        yield
    except _NotRegular as error:
        raise ObjectRefused(Failure.UNREADABLE, str(error), uri) from error
    except OSError as error:
        failure = _FAILURES.get(error.errno or 0, Failure.READ_ERROR)
        raise ObjectRefused(failure, _reason(error), uri) from error
    except ValueError as error:  # a NUL, or half a surrogate pair
        raise ObjectRefused(Failure.UNSAFE_NAME, _reason(error), uri) from error


def _require_unchanged(found: StoredObject, listed: StoredObject) -> None:
    is_same = is_same_generation(listed.generation, found.generation)
    if not is_same or found.size_bytes != listed.size_bytes:
        raise ObjectRefused(
            Failure.CHANGED, "the file changed after it was listed", listed.uri
        )


def _is_unwritten(after: StoredObject, before: StoredObject) -> bool:
    """Whether an open file has the bytes that it had, whatever became of its name."""
    is_same = is_same_time(before.generation, after.generation)
    return is_same and after.size_bytes == before.size_bytes


class _NotRegular(OSError):
    """A pipe, device, socket or folder stands where a file is needed."""


def _open_regular(path: bytes) -> BinaryIO:
    """Open a file, having looked at it first: opening may wait, or do things."""
    _require_regular(os.stat(path))
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _require_regular(os.fstat(descriptor))  # exchanged in between?
        return os.fdopen(descriptor, "rb")
    except OSError:
        os.close(descriptor)
        raise


def _require_regular(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise _NotRegular(os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise _NotRegular("not a regular file")


def _object(path: bytes, status: os.stat_result) -> StoredObject:
    seconds, nanoseconds = divmod(status.st_mtime_ns, 10**9)
    seconds = min(max(seconds, _FIRST_SECOND), _LAST_SECOND)
    modified_at = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return StoredObject(
        uri=uri_of_path(path),
        size_bytes=status.st_size,
        generation=file_generation(status),
        modified_at=modified_at.replace(microsecond=nanoseconds // 1000),
    )


def _temporary(folder: bytes) -> bytes:
    return os.path.join(folder, f".musiq-{uuid.uuid4().hex}".encode())


def _flush_folder(folder: bytes) -> None:
    """Make a new name in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _errors_at(action: str, uri: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise StorageError(f"cannot {action} {uri}: {_reason(error)}") from error


def _reason(error: OSError | ValueError) -> str:
    """Say what went wrong; the name is in the message already, or in the row."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "the name has characters that no file's name can have"
