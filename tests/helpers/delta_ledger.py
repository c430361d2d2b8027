"""A ledger that a run wrote, with a log beside its manifests."""

import datetime
from pathlib import Path

import pyarrow.parquet as pq

from pipelines.ledger.folder import newest_manifest_number, read_manifest
from pipelines.ledger.log import (
    newest_version,
    put_commit,
    read_state,
    write_checkpoint,
)
from schemas.delta.manifests import commit_of
from schemas.delta.state import TableState, after
from schemas.delta.stats import file_stats
from schemas.manifest import Manifest

COLUMNS = ("uri", "status", "tokens", "musiq_tiny", "musiq_second")
PUBLISHED_AT = datetime.datetime(2026, 3, 4, tzinfo=datetime.UTC)


def commit_newest(ledger: Path) -> Manifest:
    """Commit what the newest manifest says as the next version of the log."""
    folder, version = str(ledger), newest_version(str(ledger))
    before = read_state(folder, version) if version >= 0 else TableState()
    manifest = read_manifest(folder, newest_manifest_number(folder))
    tables = {file.path: pq.read_table(ledger / file.path) for file in manifest.files}
    commit = commit_of(
        manifest,
        before=before,
        schema=next(iter(tables.values())).schema,
        stats={path: file_stats(table, COLUMNS) for path, table in tables.items()},
        published_at=PUBLISHED_AT + datetime.timedelta(days=version),
    )
    assert put_commit(folder, version + 1, commit)
    write_checkpoint(folder, after(before, commit))
    return manifest
