"""The model that comes with the package, and reading it as any other model."""

import importlib.resources

from pipelines.storage import storage_for

BUILT_IN = "builtin"
_FILE_NAME = "builtin.safetensors"


def read_model_bytes(uri: str) -> bytes:
    """Return the bytes of a model file.

    Args:
      uri: Of a file, or `BUILT_IN`, which is found in the package wherever that is
        installed.

    Raises:
      StorageError: If it cannot be read.
    """
    if uri == BUILT_IN:
        package = importlib.resources.files("musiq_core.model_files")
        return package.joinpath(_FILE_NAME).read_bytes()
    with storage_for(uri).open_read(uri) as file:
        return file.read()
