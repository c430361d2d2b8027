"""The log of a ledger in its store: reading it, and adding a commit at its end."""

import contextlib
from collections.abc import Sequence

from pipelines.ledger.errors import LedgerFolderError
from pipelines.storage import StorageError, join, storage_for
from schemas.delta.actions import DeltaLogError
from schemas.delta.checkpoints import (
    LAST_NAME,
    checkpoint_name,
    checkpoint_version,
    from_checkpoint,
    is_due,
    to_checkpoint,
    to_last_checkpoint,
)
from schemas.delta.commits import FOLDER, Commit, commit_name, commit_version
from schemas.delta.state import TableState, after, without_expired

_FILE_MAX_BYTES = 2**31
_NEEDED = "and commits before it are gone: restore it from a copy"


def newest_version(ledger: str) -> int:
    """Return the version of the newest commit, -1 if there is none.

    The log alone is listed.

    Raises:
      StorageError: If it cannot be listed.
    """
    versions = (commit_version(name) for name in _names(ledger))
    return max((one for one in versions if one is not None), default=-1)


def read_commit(ledger: str, version: int) -> Commit:
    """Read one commit.

    Raises:
      LedgerFolderError: If it is missing or damaged; one line.
    """
    uri = join(ledger, commit_name(version))
    try:
        return Commit.from_json(_read(uri))
    except StorageError as error:
        raise LedgerFolderError(f"{error}{older(ledger, version)}") from error
    except DeltaLogError as error:
        before = older(ledger, version)
        raise LedgerFolderError(f"cannot read {uri}: {error}{before}") from error


def read_table_state(ledger: str, version: int) -> TableState:
    """Read the state of a ledger at a version.

    It is what the newest readable checkpoint up to there and the commits behind it add
    up to.

    Raises:
      LedgerFolderError: If a commit is missing or damaged, or asks for more than this
        program knows; one line.
      StorageError: If the log cannot be listed.
    """
    state, damaged = _newest_checkpoint(ledger, version, _names(ledger))
    for number in range(state.version + 1, version + 1):
        try:
            state = after(state, read_commit(ledger, number))
        except LedgerFolderError as error:
            raise LedgerFolderError(damaged or str(error)) from error
        except DeltaLogError as error:
            uri = join(ledger, commit_name(number))
            before = older(ledger, number)
            raise LedgerFolderError(f"cannot read {uri}: {error}{before}") from error
    return state


def older(ledger: str, version: int) -> str:
    """Return the end of a message of a commit that cannot be read."""
    return f"; the state before it is {ledger}@{version - 1}" if version else ""


def put_commit(ledger: str, version: int, commit: Commit) -> bool:
    """Add a commit at the end of the log, unless another program has.

    A slow program may come when its version and later ones were committed long ago, and
    its own was removed since, as old ones are: what it wrote is then taken back.

    Returns:
      Whether this call committed it.

    Raises:
      StorageError: If it cannot be written.
    """
    uri = join(ledger, commit_name(version))
    storage = storage_for(uri)
    if not storage.write_if_absent(uri, commit.to_json()):
        return False
    if _is_in_place(version, _names(ledger)):
        return True
    storage.delete(uri)
    return False


def put_checkpoint(ledger: str, state: TableState) -> None:
    """Write the checkpoint of a state, from which engines begin if it is the newest.

    Raises:
      StorageError: If it cannot be written.
    """
    state = without_expired(state)
    uri = join(ledger, checkpoint_name(state.version))
    storage_for(uri).write_if_absent(uri, to_checkpoint(state))
    numbers = (checkpoint_version(name) for name in _names(ledger))
    if not any(one is not None and one > state.version for one in numbers):
        last = to_last_checkpoint(state.version, len(state.actions()))
        storage_for(uri).write(join(ledger, LAST_NAME), last)


def put_checkpoint_if_due(ledger: str, state: TableState) -> None:
    """Write the checkpoint of a state after every tenth commit.

    It only makes reading quicker, so a store that refuses it stops nothing.
    """
    if is_due(state.version):
        with contextlib.suppress(StorageError):
            put_checkpoint(ledger, state)


def _is_in_place(version: int, names: Sequence[str]) -> bool:
    """Whether a commit that was just written is part of the log.

    It is the newest, or others have followed at once. If the one before it is gone
    while later ones are there, it fills a gap: commits are removed from the first on,
    the newest never, and only those that a checkpoint holds.
    """
    versions = {commit_version(name) for name in names} - {None}
    if not any(one is not None and one > version for one in versions):
        return True
    if version > 0:
        return version - 1 in versions
    return not any(checkpoint_version(name) is not None for name in names)


def _newest_checkpoint(
    ledger: str, version: int, names: Sequence[str]
) -> tuple[TableState, str]:
    """Return the state of the newest readable checkpoint up to a version.

    If there are only others, what is wrong with the newest is told beside.
    """
    told = ""
    numbers = (checkpoint_version(name) for name in names)
    found = sorted((one for one in numbers if one is not None), reverse=True)
    for number in found:
        uri = join(ledger, checkpoint_name(number))
        if number <= version:
            try:
                return from_checkpoint(_read(uri), number), ""
            except (StorageError, DeltaLogError) as error:
                told = told or f"cannot read {uri}: {error}, {_NEEDED}"
    return TableState(), told


def _read(uri: str) -> bytes:
    with storage_for(uri).open_read(uri) as file:
        return file.read(_FILE_MAX_BYTES)


def _names(ledger: str) -> list[str]:
    folder = join(ledger, f"{FOLDER}/")
    return [found.uri[len(folder) :] for found in storage_for(ledger).list(folder)]
