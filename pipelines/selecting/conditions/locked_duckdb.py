"""DuckDB that can reach nothing but the rows that it is handed."""

from typing import Any

import duckdb

_LOCKS = (
    "SET TimeZone = 'UTC'",
    "SET Calendar = 'gregorian'",
    "SET errors_as_json = true",
    "SET python_enable_replacements = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET enable_external_access = false",
    "SET disabled_filesystems = 'LocalFileSystem'",
    "SET lock_configuration = true",
)
_MEMORY_LIMIT = "1GB"


def locked_duckdb(threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """Return a database of its own: no files, no network, no extensions, no settings.

    Args:
      threads: How many compute; by default one a core.
    """
    settings: dict[str, Any] = {"memory_limit": _MEMORY_LIMIT, "temp_directory": ""}
    if threads:
        settings["threads"] = threads
    database = duckdb.connect(":memory:", config=settings)
    for lock in _LOCKS:
        database.execute(lock)
    return database
