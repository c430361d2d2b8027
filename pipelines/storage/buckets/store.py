"""What stores of objects in buckets share: all but the requests themselves."""

import abc
import contextlib
import functools
import itertools
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, TypeVar

from pipelines.storage.buckets.faults import Fault
from pipelines.storage.buckets.object_names import split_uri
from pipelines.storage.contract import StoredObject, require_size
from pipelines.storage.errors import ObjectRefused, StorageError
from pipelines.storage.name_ranges import PEEKED_NAMES, NameRange, divide_names
from pipelines.storage.ranged_reader import open_ranges
from pipelines.storage.retries import Retrier, RetryPolicy
from schemas.failures import Failure

WRITER = "musiq-writer"
_PEEKS = 8  # at once

_Answer = TypeVar("_Answer")


class BucketStore(abc.ABC):
    """Objects of buckets; one client, and its connections, a process.

    A store brings its client and the requests, each of which it makes once: here they
    are repeated after passing faults, and what their errors mean is told.

    Attributes:
      errors: What the requests may raise.
    """

    errors: ClassVar[tuple[type[Exception], ...]]

    def __init__(self, *, policy: RetryPolicy | None = None):
        self._retrier = Retrier(
            policy or RetryPolicy(),
            is_passing=lambda error: self.fault_of(error).may_pass,
            reason_of=lambda error: self.fault_of(error).reason,
        )
        self._client: Any = None
        self._lock = threading.Lock()

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects below a prefix, page by page."""
        with self._errors_at("list", prefix):
            for page in self._pages(*split_uri(prefix), "", None):
                for found in page:
                    if not found.uri.endswith("/"):  # a console's mark of a folder
                        yield found

    def divide(self, prefix: str, *, after: str, wanted: int) -> Sequence[NameRange]:
        """Return ranges of names, by asking which ones there are."""
        bucket, name = split_uri(prefix)
        if not self.lists_in_order(bucket):
            return ()

        def peek(after: str) -> Sequence[str]:
            pages = self._pages(bucket, name, after, PEEKED_NAMES + 1)
            found = map(_name_of, itertools.chain.from_iterable(pages))
            later = (name for name in found if name > after)
            return list(itertools.islice(later, PEEKED_NAMES))

        whole = NameRange(after=split_uri(after)[1])
        with self._errors_at("list", prefix), ThreadPoolExecutor(_PEEKS) as threads:
            return divide_names(whole, peek, wanted=wanted, spread=threads.map)

    def list_range(self, prefix: str, names: NameRange) -> Iterator[StoredObject]:
        """Yield the objects of a range, from the page that it begins in."""
        last = ""
        with self._errors_at("list", prefix):
            for page in self._pages(*split_uri(prefix), names.after, None):
                for found in page:
                    name = _name_of(found)
                    if name < last:
                        raise StorageError(
                            f"cannot list {prefix}: the store does not list names in "
                            f"order ({name!r} after {last!r}); name smaller folders"
                        )
                    last = name
                    is_inside = name > names.after and not names.is_beyond(name)
                    if is_inside and not name.endswith("/"):
                        yield found
                if names.is_beyond(last):
                    return

    def lists_in_order(self, bucket: str) -> bool:
        """Whether a bucket lists names in the order of their bytes."""
        return True

    def walk(self, prefix: str, *, follow_links: bool) -> Iterator[StoredObject]:
        """Yield the objects below a prefix; a bucket has no links."""
        return self.list(prefix)

    def stat(self, uri: str) -> StoredObject | None:
        """Return what the store says of one object."""
        with self._errors_at("look at", uri):
            _, name = split_uri(uri)
            found = self._find(uri) if name else None
        return found[0] if found else None

    def is_folder(self, uri: str) -> bool:
        """Whether the store has objects below `uri`."""
        return next(self.list(uri), None) is not None

    def read(
        self, uri: str, *, listed: StoredObject | None, max_bytes: int
    ) -> tuple[bytes, StoredObject]:
        """Read a whole object, pinned to its generation, its checksum checked."""
        with self._refusals_of(uri):
            if listed is None:
                return self._ask(self._get_current, uri, max_bytes)
            require_size(listed, max_bytes)
            return self._ask(self._get, listed, 0, listed.size_bytes), listed

    def read_part(self, listed: StoredObject, start: int, end: int) -> bytes:
        """Read some bytes of a generation by a ranged request."""
        if start == end:  # no range is empty
            return b""
        with self._refusals_of(listed.uri):
            return self._ask(self._get, listed, start, end)

    def open_read(self, uri: str) -> BinaryIO:
        """Open an object, seekable; all reads are of the generation it has now."""
        found = self.stat(uri)
        if found is None:
            raise StorageError(f"cannot read {uri}: there is no such object")

        def fetch(start: int, end: int) -> bytes:
            with self._errors_at("read", uri):
                return self._ask(self._get, found, start, end)

        return open_ranges(fetch, found.size_bytes)

    def write(self, uri: str, data: bytes) -> None:
        """Create or replace an object."""
        with self._errors_at("write", uri):
            self._ask(self._put, uri, data, None)

    def delete(self, uri: str) -> None:
        """Delete an object; a bucket with versions keeps the old ones."""
        with self._errors_at("delete", uri):
            self._ask(self._remove, uri)

    def write_if_absent(self, uri: str, data: bytes) -> bool:
        """Create an object under the precondition that there is none."""
        return self._create(uri, data)

    def write_file_if_absent(self, uri: str, path: str) -> bool:
        """Create an object likewise, in one request whose body is read from disk."""
        return self._create(uri, Path(path))

    def _create(self, uri: str, data: bytes | Path) -> bool:
        with self._errors_at("write", uri):
            writer = uuid.uuid4().hex
            try:
                self._ask(self._put, uri, data, writer)
            except self.errors as error:
                if self.fault_of(error).failure is not Failure.CHANGED:
                    raise
                # Perhaps by an attempt of this very call, whose answer was lost.
                found = self._find(uri)
                return found is not None and writer in found[1].values()
        return True

    @staticmethod
    @abc.abstractmethod
    def fault_of(error: Exception) -> Fault:
        """Return what an error of a request means."""

    @abc.abstractmethod
    def _connect(self) -> Any:
        """Return a client."""

    @abc.abstractmethod
    def _list_page(
        self,
        bucket: str,
        prefix: str,
        token: str | None,
        after: str = "",
        count: int | None = None,
    ) -> tuple[Sequence[StoredObject], str | None]:
        """Return one page of objects and the token of the next, None after the last.

        Args:
          bucket: The bucket.
          prefix: What names begin with.
          token: That of the page; None for the first.
          after: A name; those before it are not listed, it itself may be.
          count: How many objects at most; None means as many as the store gives.
        """

    @abc.abstractmethod
    def _head(self, uri: str) -> tuple[StoredObject, Mapping[str, str]]:
        """Return what the store says of an object, and the metadata of its writer."""

    @abc.abstractmethod
    def _get(self, found: StoredObject, start: int, end: int) -> bytes:
        """Return some bytes of exactly this generation, checked as far as is possible.

        An object that has another generation now is `CHANGED`, as the store tells it.
        """

    @abc.abstractmethod
    def _get_current(self, uri: str, max_bytes: int) -> tuple[bytes, StoredObject]:
        """Return the object as it is now, whole and checked.

        Raises:
          ObjectRefused: `too_large`, before anything is read.
        """

    @abc.abstractmethod
    def _put(self, uri: str, data: bytes | Path, writer: str | None) -> None:
        """Write an object, of bytes or of a local file.

        A writer writes only if there is none, and leaves its name.

        An object that is there is `CHANGED`, as the store tells it.
        """

    @abc.abstractmethod
    def _remove(self, uri: str) -> None:
        """Delete an object; one that is gone already is no error."""

    def _pages(
        self, bucket: str, prefix: str, after: str, count: int | None
    ) -> Iterator[Sequence[StoredObject]]:
        token, is_last = None, False
        while not is_last:
            page, token = self._ask(
                self._list_page, bucket, prefix, token, after, count
            )
            is_last = token is None
            yield page

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _ask(self, request: Callable[..., _Answer], *arguments: Any) -> _Answer:
        return self._retrier.call(functools.partial(request, *arguments))

    def _find(self, uri: str) -> tuple[StoredObject, Mapping[str, str]] | None:
        try:
            return self._ask(self._head, uri)
        except self.errors as error:
            if self.fault_of(error).failure is Failure.NOT_FOUND:
                return None
            raise

    @contextlib.contextmanager
    def _errors_at(self, action: str, uri: str) -> Iterator[None]:
        try:
            yield
        except self.errors as error:
            reason = self.fault_of(error).reason
            raise StorageError(f"cannot {action} {uri}: {reason}") from error

    @contextlib.contextmanager
    def _refusals_of(self, uri: str) -> Iterator[None]:
        try:
            yield
        except self.errors as error:
            fault = self.fault_of(error)
            if fault.concerns_all:
                raise StorageError(f"cannot read {uri}: {fault.reason}") from error
            if fault.failure is Failure.READ_ERROR:
                self._retrier.require_up(uri, fault.reason)
            raise ObjectRefused(fault.failure, fault.reason, uri) from error


def _name_of(found: StoredObject) -> str:
    return split_uri(found.uri)[1]
