"""The actions of a Delta log, as far as tables without partitions have them."""

import dataclasses
import typing
import urllib.parse
from collections.abc import Mapping
from typing import Any

from schemas.errors import MusiqError
from schemas.plain import PlainError, to_plain, value_of


class DeltaLogError(MusiqError, ValueError):
    """A log that cannot be read, or whose commits do not add up."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol:
    """What a program must know to read or write the table.

    Attributes:
      minReaderVersion: Of the protocol.
      minWriterVersion: Of the protocol.
      readerFeatures: What readers must know; only with reader version 3.
      writerFeatures: What writers must know; only with writer version 7.
    """

    minReaderVersion: int
    minWriterVersion: int
    readerFeatures: tuple[str, ...] | None = None
    writerFeatures: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metadata:
    """What the table is.

    Attributes:
      id: Given once, a UUID.
      schemaString: The columns, as JSON (`schemas.delta.columns`).
      createdTime: Milliseconds since 1970, UTC.
      configuration: The table's properties.
      partitionColumns: Those in the files' paths; a ledger has none.
      format: Of the files.
      name: Of the table, for people.
      description: Likewise.
    """

    id: str
    schemaString: str
    createdTime: int | None = None
    configuration: dict[str, str] = dataclasses.field(default_factory=dict[str, str])
    partitionColumns: tuple[str, ...] = ()
    format: dict[str, Any] = dataclasses.field(
        default_factory=lambda: {"provider": "parquet", "options": {}}
    )
    name: str | None = None
    description: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class AddFile:
    """A file that is part of the table from this commit on.

    Attributes:
      path: Below the table's folder, percent-encoded as in a URI.
      size: Bytes.
      modificationTime: Milliseconds since 1970, UTC.
      dataChange: Whether the rows are others than before.
      partitionValues: None of ours.
      stats: JSON (`schemas.delta.stats`).
      tags: What the writer says besides.
    """

    path: str
    size: int
    modificationTime: int
    dataChange: bool = True
    partitionValues: dict[str, str] = dataclasses.field(default_factory=dict[str, str])
    stats: str | None = None
    tags: dict[str, str] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RemoveFile:
    """A file that is part of the table no more; older states still read it.

    Attributes:
      path: As it was added.
      deletionTimestamp: Milliseconds since 1970, UTC.
      dataChange: Whether the rows are others than before.
      extendedFileMetadata: Whether size and partition values are here.
      partitionValues: As they were added.
      size: Bytes.
    """

    path: str
    deletionTimestamp: int | None = None
    dataChange: bool = True
    extendedFileMetadata: bool | None = None
    partitionValues: dict[str, str] | None = None
    size: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transaction:
    """The last version of a stream that another program wrote into the table.

    Attributes:
      appId: That program.
      version: Its own number.
      lastUpdated: Milliseconds since 1970, UTC.
    """

    appId: str
    version: int
    lastUpdated: int | None = None


Action = Protocol | Metadata | AddFile | RemoveFile | Transaction
KINDS: dict[str, type[Action]] = {
    "txn": Transaction,
    "add": AddFile,
    "remove": RemoveFile,
    "metaData": Metadata,
    "protocol": Protocol,
}
_NAMES = {kind: name for name, kind in KINDS.items()}


def to_fields(action: Action) -> tuple[str, dict[str, Any]]:
    """Return an action's name and its fields; those that say nothing are left out."""
    fields = {
        field.name: getattr(action, field.name)
        for field in dataclasses.fields(action)
        if getattr(action, field.name) is not None
    }
    return _NAMES[type(action)], to_plain(fields)


def from_fields(name: str, fields: Mapping[str, Any]) -> Action:
    """Return the action that has these fields; what is not known of it is ignored.

    Args:
      name: As in `KINDS`.
      fields: As JSON has them.

    Raises:
      DeltaLogError: If a field is missing or of another type, or the rows of the file
        are not all its own.
    """
    kind = KINDS[name]
    if fields.get("deletionVector") is not None:
        raise DeltaLogError("it deletes single rows of a file, which no ledger has")
    hints = typing.get_type_hints(kind)
    known = {
        field: value
        for field, value in fields.items()
        if field in hints and value is not None
    }
    try:
        return kind(**{f: value_of(hints[f], value, f) for f, value in known.items()})
    except (PlainError, TypeError) as error:
        raise DeltaLogError(f"{name}: {error}") from error


def encoded_path(path: str) -> str:
    """Return a path below the table's folder as actions have it."""
    return urllib.parse.quote(path, safe="/")


def decoded_path(path: str) -> str:
    """Return the path below the table's folder that an action names."""
    return urllib.parse.unquote(path)
