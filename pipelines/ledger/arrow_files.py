"""The files of a ledger as a file system for Arrow, read from any store."""

from collections.abc import Sequence
from typing import NoReturn

import pyarrow as pa
import pyarrow.fs as pa_fs

from pipelines.storage import join, storage_for
from schemas.manifest import LedgerFile


class LedgerFiles(pa_fs.FileSystemHandler):
    """Reads the files that one state of a ledger names, and knows no others.

    Every time that Arrow opens a file it reads one content throughout, and only the
    ranges that it asks for; a file of another size than was published is refused.
    """

    def __init__(self, ledger: str, files: Sequence[LedgerFile]):
        self._ledger = ledger
        self._sizes = {file.path: file.size_bytes for file in files}

    def get_type_name(self) -> str:
        """Return the name of this kind of file system."""
        return "musiq-ledger"

    def normalize_path(self, path: str) -> str:
        """Return the path itself: it is a name, not to be shortened."""
        return path

    def get_file_info(self, paths: Sequence[str]) -> list[pa_fs.FileInfo]:
        """Return sizes as they were published; the store is not asked."""
        return [self._info(path) for path in paths]

    def open_input_file(self, path: str) -> pa.NativeFile:
        """Open a file for reads at any place.

        Raises:
          StorageError: If it is gone or the store does not answer.
          OSError: If it is not what was published.
        """
        uri = join(self._ledger, path)
        stream = storage_for(uri).open_read(uri)
        file = pa.PythonFile(stream, mode="r")
        if file.size() != self._sizes[path]:
            raise OSError(f"{uri} is not what was published: {file.size()} bytes")
        return file

    def open_input_stream(self, path: str) -> pa.NativeFile:
        """Open a file for reading from its start."""
        return self.open_input_file(path)

    def _refuse(self, *_: object) -> NoReturn:
        raise NotImplementedError("a published ledger is read, by name, and no more")

    get_file_info_selector = create_dir = _refuse
    delete_dir = delete_dir_contents = delete_root_dir_contents = delete_file = _refuse
    move = copy_file = open_output_stream = open_append_stream = _refuse

    def _info(self, path: str) -> pa_fs.FileInfo:
        size = self._sizes.get(path)
        if size is None:
            return pa_fs.FileInfo(path, pa_fs.FileType.NotFound)
        return pa_fs.FileInfo(path, pa_fs.FileType.File, size=size)
