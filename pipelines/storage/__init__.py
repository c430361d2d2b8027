"""One contract for local disk and object stores."""

from pipelines.storage.contract import StorageError, StoredObject
from pipelines.storage.globs import Glob, has_magic
from pipelines.storage.stores import Storage, open_listed, storage_for
from pipelines.storage.uris import join, resolve

__all__ = [
    "Glob",
    "Storage",
    "StorageError",
    "StoredObject",
    "has_magic",
    "join",
    "open_listed",
    "resolve",
    "storage_for",
]
