"""A published state of a ledger as a commit of its log, and back.

What a manifest says besides its files stands in the commit's `commitInfo`, under
`musiq`; of each file, its shard and digest are tags.
"""

# PyArrow has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownArgumentType=false

import dataclasses
import datetime
import json
import uuid
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from schemas.delta.actions import (
    Action,
    AddFile,
    DeltaLogError,
    Metadata,
    Protocol,
    RemoveFile,
    decoded_path,
    encoded_path,
)
from schemas.delta.columns import protocol_for, schema_string
from schemas.delta.commits import Commit
from schemas.delta.state import TableState
from schemas.manifest import LedgerFile, Manifest
from schemas.plain import PlainError, from_plain, to_plain

FACTS = "musiq"
FACTS_VERSION = 1
_SHARD, _DIGEST = "musiq_shard", "musiq_sha256"


class ForeignCommitError(DeltaLogError):
    """A commit of another program that changed the table."""


def commit_of(
    manifest: Manifest,
    *,
    before: TableState,
    schema: pa.Schema,
    stats: Mapping[str, str],
    published_at: datetime.datetime,
) -> Commit:
    """Return the commit that makes a manifest's files the newest state of the table.

    Args:
      manifest: What is published.
      before: The newest state.
      schema: The columns of its files.
      stats: Of each file by its path, as `file_stats` gives them.
      published_at: UTC; files that are removed are so from then on.

    Raises:
      DeltaLogError: If a column has a type that Delta lacks.
    """
    now_ms = _milliseconds(published_at)
    files = {encoded_path(file.path): file for file in manifest.files}
    info = {
        "timestamp": now_ms,
        "operation": "WRITE",
        "operationParameters": {"mode": "Overwrite"},
        "engineInfo": f"musiq/{manifest.versions.get('musiq', 'unknown')}",
        FACTS: {"version": FACTS_VERSION, **_facts_of(manifest)},
    }
    actions: list[Action] = [
        *_changed_table(before, schema, manifest),
        *(
            RemoveFile(
                path=path,
                deletionTimestamp=now_ms,
                extendedFileMetadata=True,
                partitionValues={},
                size=file.size,
            )
            for path, file in before.files.items()
            if path not in files
        ),
        *(
            AddFile(
                path=path,
                size=file.size_bytes,
                modificationTime=now_ms,
                stats=stats[file.path],
                tags={_SHARD: str(file.shard), _DIGEST: file.sha256},
            )
            for path, file in files.items()
            if path not in before.files
        ),
    ]
    return Commit(info=info, actions=tuple(actions))


def manifest_of(commit: Commit, state: TableState) -> Manifest:
    """Return what a commit published.

    Args:
      commit: Of this program.
      state: The state that it led to.

    Raises:
      ForeignCommitError: If another program made it.
      DeltaLogError: If a newer one made it, or it is damaged.
      ManifestError: If it does not add up.
    """
    facts = commit.info.get(FACTS)
    if not isinstance(facts, dict):
        told = commit.info.get("engineInfo") or commit.info.get("operation") or "it"
        raise ForeignCommitError(
            f"another program made this commit ({told}), and it does not say what "
            "`musiq score` needs to know"
        )
    fields: dict[str, Any] = {**facts}
    version = fields.pop("version", None)
    if version != FACTS_VERSION:
        raise DeltaLogError(
            f"its facts have version {version}, and this musiq reads {FACTS_VERSION}: "
            "install a newer musiq"
        )
    files = sorted(map(_ledger_file, state.files.values()), key=lambda one: one.path)
    try:
        manifest = from_plain(Manifest, fields | {"files": ()})
    except PlainError as error:
        raise DeltaLogError(f"damaged facts: {error}") from error
    return dataclasses.replace(manifest, files=tuple(files))


def run_of(commit: Commit) -> str | None:
    """Return the run that made a commit, None if another program did."""
    facts = commit.info.get(FACTS)
    return facts.get("run_id") if isinstance(facts, dict) else None


def _changed_table(
    before: TableState, schema: pa.Schema, manifest: Manifest
) -> list[Action]:
    """Return what the table is, where it is not what it was."""
    protocol = _least_protocol(before.protocol, protocol_for(schema))
    columns = schema_string(schema)
    if before.metadata is None:
        started_at = datetime.datetime.fromisoformat(manifest.created_at)
        metadata = Metadata(
            id=str(uuid.uuid5(uuid.NAMESPACE_URL, manifest.run_id)),
            schemaString=columns,
            createdTime=_milliseconds(started_at),
        )
    else:
        metadata = dataclasses.replace(before.metadata, schemaString=columns)
    changed: list[Action] = []
    if protocol != before.protocol:
        changed.append(protocol)
    if metadata != before.metadata:
        changed.append(metadata)
    return changed


def _least_protocol(before: Protocol | None, needed: Protocol) -> Protocol:
    """Return what a table needs; a protocol is never lowered."""
    if before is None:
        return needed
    is_enough = (
        before.minReaderVersion >= needed.minReaderVersion
        and before.minWriterVersion >= needed.minWriterVersion
        and {*(before.readerFeatures or ())} >= {*(needed.readerFeatures or ())}
    )
    return before if is_enough else needed


def _facts_of(manifest: Manifest) -> dict[str, Any]:
    facts = to_plain(manifest)
    del facts["files"]
    return facts


def _ledger_file(file: AddFile) -> LedgerFile:
    tags = file.tags or {}
    try:
        return LedgerFile(
            path=decoded_path(file.path),
            shard=int(tags[_SHARD]),
            rows=json.loads(file.stats or "")["numRecords"],
            size_bytes=file.size,
            sha256=tags[_DIGEST],
        )
    except (KeyError, ValueError, TypeError) as error:
        raise DeltaLogError(
            f"{decoded_path(file.path)} was added by another program: its rows, shard "
            "and digest are not told"
        ) from error


def _milliseconds(time: datetime.datetime) -> int:
    return int(time.timestamp() * 1000)
