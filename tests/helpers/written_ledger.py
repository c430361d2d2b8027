"""A small ledger written by hand, without a job."""

import datetime
import hashlib
import io
from collections.abc import Sequence

import pyarrow.parquet as pq

from pipelines.ledger.states import publish_state
from pipelines.storage import join, storage_for
from schemas.delta.stats import file_stats
from schemas.failures import Failure
from schemas.ledger import (
    LedgerModel,
    LedgerRow,
    Score,
    ledger_schema,
    rows_to_table,
    shard_of,
)
from schemas.manifest import Counts, LedgerFile, Manifest

MODEL = LedgerModel(name="tiny", digest="d" * 64, has_distribution=False)
STARTED_AT = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
SHARDS = 2


def write_ledger(
    folder: str,
    scores: Sequence[float | None],
    version: int = 0,
    run_id: str | None = None,
) -> None:
    """Publish `version`: photo i has score i, or failed as empty if that is None.

    Args:
      folder: The ledger's folder, on any store; it must exist.
      scores: Of `photo-0.png` and so on.
      version: Of the ledger.
      run_id: Of the run that published it.
    """
    rows: list[list[LedgerRow]] = [[] for _ in range(SHARDS)]
    for index, score in enumerate(scores):
        row = LedgerRow(uri=f"/photos/photo-{index}.png", key=f"photo-{index}.png")
        failed = row.failed(Failure.EMPTY, "the file has no bytes")
        scored = LedgerRow(
            uri=row.uri, key=row.key, scores=(Score(value=score or 0.0),)
        )
        rows[shard_of(row.uri, SHARDS)].append(failed if score is None else scored)
    run_id, failed = run_id or f"run-{version}", list(scores).count(None)
    written = [
        _write_file(folder, f"runs/{run_id}/{shard}.parquet", shard, rows[shard])
        for shard in range(SHARDS)
        if rows[shard]
    ]
    count = len(scores)
    manifest = Manifest(
        run_id=run_id,
        created_at=STARTED_AT.isoformat(),
        counts=Counts(
            named=count,
            duplicates=0,
            listed=count,
            scored=count - failed,
            failed=failed,
        ),
        failures={"empty": failed} if failed else {},
        shard_count=SHARDS,
        files=tuple(file for file, _ in written),
        models={MODEL.name: {"digest": MODEL.digest, "score_range": [0, 1]}},
        settings={"max_tokens": None},
        versions={},
        score_quantiles={MODEL.name: {"0.5": 0.5}},
    )
    publish_state(
        folder,
        version,
        manifest,
        schema=ledger_schema((), [MODEL]),
        stats={file.path: stats for file, stats in written},
    )


def _write_file(
    folder: str, path: str, shard: int, rows: Sequence[LedgerRow]
) -> tuple[LedgerFile, str]:
    table = rows_to_table(
        rows,
        models=[MODEL],
        run_id=path.split("/")[1],
        run_started_at=STARTED_AT,
    )
    file = io.BytesIO()
    pq.write_table(table, file)
    data = file.getvalue()
    storage_for(folder).write(join(folder, path), data)
    written = LedgerFile(
        path=path,
        shard=shard,
        rows=len(rows),
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    return written, file_stats(table, ["uri", "status", MODEL.column])
