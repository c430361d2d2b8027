"""The model that comes with the package."""

import importlib.resources

_FILE_NAME = "builtin.safetensors"


def read_builtin() -> bytes:
    """Return the bytes of the built-in model's file, wherever the package lies."""
    folder = importlib.resources.files("musiq_core.model_files")
    return folder.joinpath(_FILE_NAME).read_bytes()
