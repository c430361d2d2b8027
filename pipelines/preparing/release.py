"""A release as it lies in a store: listed once, label files read, images looked up."""

import hashlib
from collections.abc import Sequence

from pipelines.preparing.labels import LabelFile, ReleaseError
from pipelines.storage import Glob, StoredObject, storage_for

_LABEL_FILE_MAX_BYTES = 2**30
_NAMES_SHOWN = 5


class Release:
    """The files of an input folder.

    Attributes:
      folder: The folder's URI.
      sources: SHA-256 of every label file that was read, by name.
    """

    def __init__(self, folder: str):
        """List the folder.

        Raises:
          ReleaseError: If there is no such folder.
          StorageError: If it cannot be listed.
        """
        self.folder = folder.rstrip("/") + "/"
        storage = storage_for(self.folder)
        if not storage.is_folder(self.folder):
            raise ReleaseError(f"there is no folder {folder}")
        self._files = {
            found.uri[len(self.folder) :]: found for found in storage.list(self.folder)
        }
        self.sources: dict[str, str] = {}

    def read_label_file(self, patterns: Sequence[str]) -> LabelFile:
        """Return the first file that fits one of the patterns.

        Args:
          patterns: Paths relative to the folder, by preference; `*` stands for any
            part of a file's name.

        Raises:
          ReleaseError: If there is none, or if one pattern fits several files.
        """
        for pattern in patterns:
            names = self.matching(pattern)
            if len(names) > 1:
                raise ReleaseError(
                    f"{self.folder} has several files {pattern}: {_shown(names)}; "
                    "leave the one with the labels there"
                )
            for name in names:
                data = self._read(name)
                self.sources[name] = hashlib.sha256(data).hexdigest()
                return LabelFile(name=name, data=data)
        raise ReleaseError(f"{self.folder} has no file {' or '.join(patterns)}")

    def matching(self, pattern: str) -> list[str]:
        """Return the names of files of one folder that fit a pattern, sorted."""
        if pattern in self._files:  # even if it looks like a pattern
            return [pattern]
        return sorted(filter(Glob(pattern).matches, self._files))

    @property
    def names(self) -> list[str]:
        """The names of all files, sorted."""
        return sorted(self._files)

    def file(self, name: str) -> StoredObject | None:
        """Return what the listing says of a file, None if there is no such file."""
        return self._files.get(name)

    def images(self, folders: Sequence[str]) -> "ImageFolder":
        """Return the first of several folders that exists.

        Args:
          folders: Paths relative to the release, by preference; "" is the release.

        Raises:
          ReleaseError: If there is none.
        """
        for folder in folders:
            prefix = f"{folder}/" if folder else ""
            files = {
                name[len(prefix) :]: found.uri
                for name, found in self._files.items()
                if name.startswith(prefix)
            }
            if files:
                return ImageFolder(files)
        wanted = " or ".join(f"{folder}/" for folder in folders)
        raise ReleaseError(f"{self.folder} has no folder {wanted} with the images")

    def _read(self, name: str) -> bytes:
        uri = self._files[name].uri
        with storage_for(uri).open_read(uri) as file:
            return file.read(_LABEL_FILE_MAX_BYTES)


class ImageFolder:
    """Where the images of a release lie."""

    def __init__(self, files: dict[str, str]):
        """Keep the URIs of files by name, relative to the folder."""
        self._files = files
        self._folded: dict[str, list[str]] = {}
        for name, uri in files.items():
            self._folded.setdefault(name.casefold(), []).append(uri)

    def find(self, name: str) -> str | None:
        """Return the URI of an image, None if there is none.

        A name that differs in case only is the image, if there is one such name:
        releases were made where case does not matter.
        """
        if name in self._files:
            return self._files[name]
        alike = self._folded.get(name.casefold(), [])
        return alike[0] if len(alike) == 1 else None


def _shown(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more
