"""Where published model files lie: numbered versions in a folder, local or on gs://.

A version is created once, whole, and never replaced: of two publishers that want the
same number, exactly one gets it.
"""

import contextlib
import os
import uuid
from collections.abc import Iterable, Iterator
from typing import Protocol

from schemas.model_versions import version_name, version_number
from training.errors import UsageError


class ModelStore(Protocol):
    """The folder of one model's versions.

    All methods raise `UsageError`, one line with the place and the reason, if the store
    does not do what it should.
    """

    def newest(self) -> int:
        """Return the highest version, 0 if nothing was published yet."""
        ...

    def uri(self, version: int) -> str:
        """Return where a version lies."""
        ...

    def read(self, version: int) -> bytes:
        """Return the model file of a version."""
        ...

    def write_if_absent(self, version: int, data: bytes) -> bool:
        """Create a version, whole or not at all.

        Returns:
          Whether the version is `data` now; False if it is another file.
        """
        ...


def open_model_store(folder: str) -> ModelStore:
    """Return the store of a model's folder, which need not exist yet.

    Raises:
      UsageError: If its scheme is unknown or its client is not installed.
    """
    scheme, slashes, _ = folder.partition("://")
    if not slashes:
        return LocalModelStore(folder)
    if scheme != "gs":
        raise UsageError(f"models lie in local folders or on gs://, not in {folder}")
    try:
        from training.models.model_bucket import BucketModelStore
    except ImportError as error:
        raise UsageError(
            "gs:// needs the google-cloud-storage package: pip install 'musiq[gcp]'"
        ) from error
    return BucketModelStore(folder)


def highest_version(names: Iterable[str]) -> int:
    """Return the highest version among file names, 0 if none is one."""
    return max((version_number(name) or 0 for name in names), default=0)


class LocalModelStore:
    """Versions on local disk."""

    def __init__(self, folder: str):
        self._folder = folder

    def newest(self) -> int:
        """Return the highest version, 0 if there is none or no folder."""
        with _errors_at("list", self._folder):
            try:
                return highest_version(os.listdir(self._folder))
            except FileNotFoundError:
                return 0

    def uri(self, version: int) -> str:
        """Return the path of a version."""
        return os.path.join(self._folder, version_name(version))

    def read(self, version: int) -> bytes:
        """Return the model file of a version."""
        path = self.uri(version)
        with _errors_at("read", path), open(path, "rb") as file:
            return file.read()

    def write_if_absent(self, version: int, data: bytes) -> bool:
        """Write beside the file, then link to its name, which fails if it is taken."""
        path = self.uri(version)
        temporary = os.path.join(self._folder, f".musiq-{uuid.uuid4().hex}")
        with _errors_at("write", path):
            os.makedirs(self._folder, exist_ok=True)
            try:
                with open(temporary, "xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.link(temporary, path)
            except FileExistsError:
                return self.read(version) == data
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary)
        return True


@contextlib.contextmanager
def _errors_at(action: str, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"cannot {action} {path}: {reason}") from error
