"""`FOLDER@latest` and `FOLDER@VERSION`: published models, pinned when a job starts."""

import re

from pipelines.models.built_in import BUILT_IN
from pipelines.storage import StorageError, join, resolve, storage_for
from schemas.errors import UsageError
from schemas.model_versions import version_name, version_number

_VERSIONED = re.compile(r"(.*[^/])/*@(latest|[0-9]{1,8})", re.DOTALL)


def model_uri(argument: str) -> str:
    """Return the URI of the one model file that an argument means now.

    Args:
      argument: `builtin`, a file, or the folder of a published model with `@latest`,
        its highest version, or with `@` and a version's number.

    Raises:
      UsageError: If the folder has no such version, naming the newest that it has.
      ImageFailure: If no store can hold the name.
    """
    if argument == BUILT_IN:
        return argument
    versioned = _VERSIONED.fullmatch(argument)
    if versioned is None:
        return resolve(argument, base=None)
    folder = resolve(versioned[1], base=None)
    versions = _versions_in(folder)
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


def _versions_in(folder: str) -> set[int]:
    """Return the versions that lie directly in a folder."""
    prefix = join(folder, "")
    try:
        names = [one.uri[len(prefix) :] for one in storage_for(folder).list(prefix)]
    except StorageError as error:
        raise UsageError(str(error)) from error
    return {version for name in names if (version := version_number(name))}
