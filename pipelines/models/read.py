"""Reading a model file, wherever it lies, for a program or a worker."""

from musiq_core.model_files.builtin import read_builtin
from musiq_core.model_files.model_file import Model, ModelFileError, read_model_file
from pipelines.storage import storage_for
from pipelines.storage.model_names import BUILT_IN
from schemas.errors import UsageError


def read_model_bytes(uri: str) -> bytes:
    """Return the bytes of a model file.

    Args:
      uri: As `pipelines.storage.model_names.model_uri` returns it.

    Raises:
      StorageError: If it cannot be read.
    """
    if uri == BUILT_IN:
        return read_builtin()
    with storage_for(uri).open_read(uri) as file:
        return file.read()


def load_model(uri: str) -> Model:
    """Read and verify a model file.

    Raises:
      StorageError: If it cannot be read.
      UsageError: If it must not be used, naming the file.
    """
    try:
        return read_model_file(read_model_bytes(uri))
    except ModelFileError as error:
        raise UsageError(f"model file {uri}: {error}") from error
