"""The state of a Delta table: what all commits up to a version add up to."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from schemas.delta.actions import (
    Action,
    AddFile,
    DeltaLogError,
    Metadata,
    Protocol,
    RemoveFile,
    Transaction,
)
from schemas.delta.commits import Commit

TIMESTAMP_NTZ = "timestampNtz"
_READER, _WITH_FEATURES = 1, 3
_TOLD_OF_MS = 7 * 86_400_000
_FEATURES = frozenset({TIMESTAMP_NTZ})


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableState:
    """A table at one version.

    Attributes:
      version: Of the last commit, -1 if there is none.
      protocol: What readers and writers must know; None at version -1.
      metadata: What the table is; None at version -1.
      files: The files that it is made of, by their paths as added.
      removed: Files of older states, likewise.
      transactions: Of other programs, by their names.
    """

    version: int = -1
    protocol: Protocol | None = None
    metadata: Metadata | None = None
    files: dict[str, AddFile] = dataclasses.field(default_factory=dict[str, AddFile])
    removed: dict[str, RemoveFile] = dataclasses.field(
        default_factory=dict[str, RemoveFile]
    )
    transactions: dict[str, Transaction] = dataclasses.field(
        default_factory=dict[str, Transaction]
    )

    def actions(self) -> list[Action]:
        """Return the actions of one commit that leads here from nothing."""
        table = [one for one in (self.protocol, self.metadata) if one is not None]
        return [
            *table,
            *self.transactions.values(),
            *self.removed.values(),
            *self.files.values(),
        ]


def replayed(
    actions: Iterable[Action], version: int, start: TableState | None = None
) -> TableState:
    """Return the state after actions, in their order.

    Args:
      actions: Of one commit, or of a checkpoint.
      version: The version that they lead to.
      start: The state before them; nothing by default.

    Raises:
      DeltaLogError: If this program cannot read such a table, or it is none.
    """
    start = start or TableState()
    fields: dict[str, Any] = {"version": version}
    files, removed = dict(start.files), dict(start.removed)
    transactions = dict(start.transactions)
    for action in actions:
        match action:
            case Protocol():
                require_readable(action)
                fields["protocol"] = action
            case Metadata():
                _require_plain_table(action)
                fields["metadata"] = action
            case AddFile():
                files[action.path] = action
                removed.pop(action.path, None)
            case RemoveFile():
                removed[action.path] = action
                files.pop(action.path, None)
            case Transaction():
                transactions[action.appId] = action
    state = dataclasses.replace(
        start, files=files, removed=removed, transactions=transactions, **fields
    )
    if state.protocol is None or state.metadata is None:
        raise DeltaLogError(
            "nothing says what the table is: its first commits are gone"
        )
    return state


def without_expired(state: TableState) -> TableState:
    """Return a state without the files that were removed long before the last ones.

    Removed files are told of so that they are not deleted under readers; protocol and
    engines let a checkpoint forget them after a week.
    """
    times = {path: one.deletionTimestamp or 0 for path, one in state.removed.items()}
    expired_at = max(times.values(), default=0) - _TOLD_OF_MS
    kept = {
        path: one for path, one in state.removed.items() if times[path] > expired_at
    }
    return dataclasses.replace(state, removed=kept)


def after(state: TableState, commit: Commit) -> TableState:
    """Return the state after the next commit.

    Raises:
      DeltaLogError: As `replayed`.
    """
    return replayed(commit.actions, state.version + 1, state)


def require_readable(protocol: Protocol) -> None:
    """Refuse a table that asks its readers for more than this program knows.

    Raises:
      DeltaLogError: If it does; the message names what.
    """
    version = protocol.minReaderVersion
    unknown = set(protocol.readerFeatures or ()) - _FEATURES
    if unknown or version not in (_READER, _WITH_FEATURES):
        told = f" with {', '.join(sorted(unknown))}" if unknown else ""
        raise DeltaLogError(
            f"it asks for reader version {version} of the Delta protocol{told}, and "
            f"this musiq reads version {_READER}, and {_WITH_FEATURES} with "
            f"{', '.join(sorted(_FEATURES))}"
        )


def _require_plain_table(metadata: Metadata) -> None:
    if metadata.partitionColumns:
        raise DeltaLogError(
            f"it is partitioned by {', '.join(metadata.partitionColumns)}, and no "
            "ledger is"
        )
