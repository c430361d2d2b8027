"""One contract for local disk and object stores."""

from pipelines.storage.contract import SkippedLink, StoredObject
from pipelines.storage.errors import NameRefused, ObjectRefused, Refused, StorageError
from pipelines.storage.globs import Glob, has_magic
from pipelines.storage.name_ranges import NameRange
from pipelines.storage.ranged_reader import open_ranges
from pipelines.storage.stores import Storage, open_listed, storage_for
from pipelines.storage.uris import join, resolve
from pipelines.storage.verified_reads import read_agreed, read_checked

__all__ = [
    "Glob",
    "NameRange",
    "NameRefused",
    "ObjectRefused",
    "Refused",
    "SkippedLink",
    "Storage",
    "StorageError",
    "StoredObject",
    "has_magic",
    "join",
    "open_listed",
    "open_ranges",
    "read_agreed",
    "read_checked",
    "resolve",
    "storage_for",
]
