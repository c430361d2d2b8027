"""A ledger of rows that a test gives, with any models and carried columns."""

import datetime
import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ledger.states import publish_state
from schemas.delta.stats import file_stats
from schemas.ledger import LedgerModel, ledger_schema, shard_of
from schemas.manifest import Counts, LedgerFile, Manifest

STARTED_AT = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
MODELS = {
    "koniq": {"score_range": [0.0, 100.0], "higher_is_better": True},
    "noise": {"score_range": [-1.0, 1.0], "higher_is_better": False},
}


def given_ledger(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    *,
    carried: Sequence[pa.Field] = (),
    models: Mapping[str, Mapping[str, Any]] = MODELS,
    with_std: Sequence[str] = (),
    shards: int = 1,
    version: int = 0,
    metadata: Mapping[bytes, bytes] | None = None,
) -> str:
    """Publish rows as a version of a ledger, and return its name.

    Args:
      folder: The ledger's; it is made if need be.
      rows: Values by column. The URI may be left out, and whatever else is null; a row
        with a failure failed, any other is scored.
      carried: Columns carried along.
      models: What the commit says of each model.
      with_std: Models that have a distribution.
      shards: A power of two; empty ones have no file.
      version: Of the ledger.
      metadata: Of the files, in place of the right ones.
    """
    columns = [
        LedgerModel(name=name, digest=name[0] * 64, has_distribution=name in with_std)
        for name in models
    ]
    schema = ledger_schema(carried, columns)
    whole = [_whole(number, row) for number, row in enumerate(rows)]
    divided: list[list[dict[str, Any]]] = [[] for _ in range(shards)]
    for row in sorted(whole, key=lambda row: row["uri"].encode()):
        divided[shard_of(row["uri"], shards)].append(row)
    run = folder / f"runs/run-{version}"
    run.mkdir(parents=True)
    files, stats = [], {}
    for shard, of_shard in enumerate(divided):
        if not of_shard:
            continue
        table = pa.Table.from_pylist(of_shard, schema=schema)
        if metadata:
            table = table.replace_schema_metadata(metadata)
        buffer = io.BytesIO()
        pq.write_table(table, buffer, row_group_size=5)
        path = f"runs/run-{version}/{shard}.parquet"
        (folder / path).write_bytes(buffer.getvalue())
        files.append(
            LedgerFile(
                path=path,
                shard=shard,
                rows=len(of_shard),
                size_bytes=buffer.tell(),
                sha256=hashlib.sha256(buffer.getvalue()).hexdigest(),
            )
        )
        stats[path] = file_stats(table, ["uri"])
    vanished = sum(row["vanished"] for row in whole)
    listed = [row for row in whole if not row["vanished"]]
    failed = sum(row["status"] == "failed" for row in listed)
    manifest = Manifest(
        run_id=f"run-{version}",
        created_at=STARTED_AT.isoformat(),
        counts=Counts(
            named=len(listed),
            duplicates=0,
            listed=len(listed),
            scored=len(listed) - failed,
            failed=failed,
            vanished=vanished,
        ),
        failures={"empty": failed} if failed else {},
        shard_count=shards,
        files=tuple(files),
        models={
            name: {"digest": name[0] * 64, "uri": f"{name}.safetensors", **facts}
            for name, facts in models.items()
        },
        settings={},
        versions={},
        score_quantiles={},
    )
    publish_state(str(folder), version, manifest, schema=schema, stats=stats)
    return str(folder)


def _whole(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    uri = row.get("uri", f"/photos/{number:03d}.jpg")
    return {
        "uri": uri,
        "key": uri.rpartition("/")[2],
        "status": "failed" if row.get("failure") else "scored",
        "vanished": False,
        "run_id": "run",
        **row,
    }
