"""What a model is called: `builtin`, a file, `FOLDER@latest` or `FOLDER@VERSION`.

Versions are pinned when a job starts: this is the one place where they become files.
"""

import re

from pipelines.storage.stores import storage_for
from pipelines.storage.uris import join, resolve
from schemas.errors import UsageError
from schemas.model_versions import version_name, version_number

BUILT_IN = "builtin"
_VERSIONED = re.compile(r"(.*[^/])/*@(latest|[0-9]{1,8})", re.DOTALL)


def model_uri(argument: str) -> str:
    """Return the URI of the one model file that an argument means now.

    Args:
      argument: `builtin`, a file, or the folder of a published model with `@latest`,
        its highest version, or with `@` and a version's number.

    Returns:
      `BUILT_IN` itself, or the URI of a file, which need not exist.

    Raises:
      NameRefused: If no store can hold the name.
      UsageError: If the folder has no such version, naming the newest that it has.
      StorageError: If the folder cannot be listed.
    """
    if argument == BUILT_IN:
        return argument
    versioned = _VERSIONED.fullmatch(argument)
    if versioned is None:
        return resolve(argument, base=None)
    folder = resolve(versioned[1], base=None)
    versions = published_versions(folder)
    if not versions:
        raise UsageError(
            f"{argument}: no model is published in {folder}, which would hold "
            f"{version_name(1)}; `musiq-train publish` makes it"
        )
    newest = max(versions)
    version = newest if versioned[2] == "latest" else int(versioned[2])
    if version not in versions:
        raise UsageError(
            f"{argument}: {folder} has no version {version}, its newest is {newest}"
        )
    return join(folder, version_name(version))


def published_versions(folder: str) -> set[int]:
    """Return the versions that lie directly in a model's folder, none if it is absent.

    Raises:
      StorageError: If the folder cannot be listed.
    """
    prefix = join(folder, "")
    names = [one.uri[len(prefix) :] for one in storage_for(folder).list(prefix)]
    return {version for name in names if (version := version_number(name))}
