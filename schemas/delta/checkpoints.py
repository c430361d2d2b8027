"""Checkpoints: a whole state as one Parquet file, so that old commits need not be read.

A checkpoint says nothing that the commits before it do not say; a table without any is
as good, only slower to open.
"""

# PyArrow has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownArgumentType=false

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.delta.actions import KINDS, Action, DeltaLogError, from_fields, to_fields
from schemas.delta.commits import FOLDER
from schemas.delta.state import TableState, replayed

COMMITS_PER_CHECKPOINT = 10
LAST_NAME = f"{FOLDER}/_last_checkpoint"
_DIGITS = 20
_TEXTS = pa.map_(pa.string(), pa.string())
_NAMES = pa.list_(pa.string())
_SCHEMA = pa.schema(
    [
        pa.field(
            "txn",
            pa.struct(
                [
                    ("appId", pa.string()),
                    ("version", pa.int64()),
                    ("lastUpdated", pa.int64()),
                ]
            ),
        ),
        pa.field(
            "add",
            pa.struct(
                [
                    ("path", pa.string()),
                    ("partitionValues", _TEXTS),
                    ("size", pa.int64()),
                    ("modificationTime", pa.int64()),
                    ("dataChange", pa.bool_()),
                    ("tags", _TEXTS),
                    ("stats", pa.string()),
                ]
            ),
        ),
        pa.field(
            "remove",
            pa.struct(
                [
                    ("path", pa.string()),
                    ("deletionTimestamp", pa.int64()),
                    ("dataChange", pa.bool_()),
                    ("extendedFileMetadata", pa.bool_()),
                    ("partitionValues", _TEXTS),
                    ("size", pa.int64()),
                ]
            ),
        ),
        pa.field(
            "metaData",
            pa.struct(
                [
                    ("id", pa.string()),
                    ("name", pa.string()),
                    ("description", pa.string()),
                    (
                        "format",
                        pa.struct([("provider", pa.string()), ("options", _TEXTS)]),
                    ),
                    ("schemaString", pa.string()),
                    ("partitionColumns", _NAMES),
                    ("createdTime", pa.int64()),
                    ("configuration", _TEXTS),
                ]
            ),
        ),
        pa.field(
            "protocol",
            pa.struct(
                [
                    ("minReaderVersion", pa.int32()),
                    ("minWriterVersion", pa.int32()),
                    ("readerFeatures", _NAMES),
                    ("writerFeatures", _NAMES),
                ]
            ),
        ),
    ]
)


def is_due(version: int) -> bool:
    """Whether a checkpoint is to be written after commit `version`."""
    return version > 0 and version % COMMITS_PER_CHECKPOINT == 0


def checkpoint_name(version: int) -> str:
    """Return the path of the checkpoint of a version below the table's folder."""
    return f"{FOLDER}/{version:0{_DIGITS}d}.checkpoint.parquet"


def checkpoint_version(name: str) -> int | None:
    """Return the version in the name of a file of the log, None if it is no such."""
    stem, _, suffix = name.partition(".")
    is_one = suffix == "checkpoint.parquet" and len(stem) == _DIGITS
    return int(stem) if is_one and stem.isascii() and stem.isdecimal() else None


def to_checkpoint(state: TableState, *, removed_since: int = 0) -> bytes:
    """Return the checkpoint of a state.

    Args:
      state: At a version of its own, 0 or later.
      removed_since: Milliseconds since 1970; files removed before then are forgotten.
    """
    actions = [
        action
        for action in state.actions()
        if (getattr(action, "deletionTimestamp", None) or removed_since)
        >= removed_since
    ]
    rows = [dict([to_fields(action)]) for action in actions]
    table = pa.Table.from_pylist(rows, schema=_SCHEMA)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="snappy")
    return buffer.getvalue()


def from_checkpoint(data: bytes, version: int) -> TableState:
    """Return the state that a checkpoint holds.

    Args:
      data: Its file.
      version: As its name says.

    Raises:
      DeltaLogError: If it is damaged, or this program cannot read such a table.
    """
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        names = [name for name in KINDS if name in file.schema_arrow.names]
        rows = file.read(names).to_pylist(maps_as_pydicts="strict")
    except (pa.ArrowException, OSError) as error:
        raise DeltaLogError(f"it cannot be read as Parquet: {error}") from error
    return replayed([_action(row) for row in rows if any(row.values())], version)


def to_last_checkpoint(version: int, size: int) -> bytes:
    """Return the small file that tells where the newest checkpoint is.

    Args:
      version: Of the checkpoint.
      size: Actions in it.
    """
    return json.dumps({"version": version, "size": size}).encode()


def _action(row: dict[str, Any]) -> Action:
    name, fields = next((name, found) for name, found in row.items() if found)
    return from_fields(name, fields)
