"""The versions of one published model: numbered files in a folder of any store.

A version is created once, whole, and never replaced: of two publishers that want the
same number, exactly one gets it.
"""

from pipelines.storage import join, resolve, storage_for
from pipelines.storage.model_names import published_versions
from schemas.errors import UsageError
from schemas.model_versions import version_name


class ModelVersions:
    """The folder of one model's versions, which need not exist yet.

    All methods raise `StorageError`, one line with the place and the reason, if the
    store does not do what it should.
    """

    def __init__(self, folder: str):
        """Take a local folder, or one on gs:// or s3://.

        Raises:
          UsageError: If no store can hold the name, or it lies in a file.
          StorageError: If the store's client is not installed, or it does not answer.
        """
        self._folder = resolve(folder, base=None)
        self._storage = storage_for(self._folder)
        parent, _, _ = self._folder.rpartition("/")
        for uri in (parent or "/", self._folder):
            if self._storage.stat(uri):
                raise UsageError(f"{uri} is a file; models need a folder")

    def newest(self) -> int:
        """Return the highest version, 0 if nothing was published yet."""
        return max(published_versions(self._folder), default=0)

    def uri(self, version: int) -> str:
        """Return where a version lies."""
        return join(self._folder, version_name(version))

    def read(self, version: int) -> bytes:
        """Return the model file of a version."""
        with self._storage.open_read(self.uri(version)) as file:
            return file.read()

    def write_if_absent(self, version: int, data: bytes) -> bool:
        """Create a version, whole or not at all.

        Returns:
          Whether the version is `data` now; False if it is another file.
        """
        uri = self.uri(version)
        return self._storage.write_if_absent(uri, data) or self.read(version) == data
