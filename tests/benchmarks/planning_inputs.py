"""A ledger of many photos that have not changed since, made without scoring one."""

import datetime
import hashlib
import io
import json
from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ledger.states import publish_state
from pipelines.scoring.config import ScoringConfig
from pipelines.scoring.configure import read_models
from pipelines.scoring.image_ref import with_object
from pipelines.scoring.input import Input, InputKind
from pipelines.scoring.run import Run
from pipelines.scoring.writing.write import shard_count_for
from pipelines.storage import storage_for
from schemas.ledger import LedgerModel, LedgerRow, Score, rows_to_table, shard_of
from schemas.manifest import Counts, LedgerFile, Manifest

_LINKS_PER_FOLDER = 1000
_RUN_ID = "20260101T000000Z-00000000"
_STARTED_AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def write_links(folder: Path, data: bytes, count: int) -> list[str]:
    """Make `count` names for a file in folders of a thousand and return their URIs."""
    uris = []
    for start in range(0, count, _LINKS_PER_FOLDER):
        inner = folder / f"{start // _LINKS_PER_FOLDER:06d}"
        inner.mkdir(parents=True)
        first = inner / "0.jpg"
        first.write_bytes(data)
        names = [inner / f"{n}.jpg" for n in range(min(_LINKS_PER_FOLDER, count))]
        for name in names[1:]:
            name.hardlink_to(first)
        uris += map(str, names)
    return uris[:count]


def write_manifest(file: Path, uris: list[str]) -> None:
    """Write a Parquet manifest with one carried column."""
    columns = {"uri": uris, "album": [f"album {n % 1000}" for n in range(len(uris))]}
    pq.write_table(pa.table(columns), file)


def write_ledger(ledger: Path, uris: list[str], model_file: Path) -> None:
    """Publish a ledger that says all of `uris` were scored by a model."""
    run = run_into(ledger, model_file)
    [column] = run.ledger_models
    shard_count = shard_count_for(len(uris), ScoringConfig.rows_per_shard)
    shards = defaultdict(list)
    for uri in uris:
        shards[shard_of(uri, shard_count)].append(uri)
    (ledger / "runs" / _RUN_ID).mkdir(parents=True)
    files = [
        _write_shard(ledger, shard, shard_count, sorted(names), column)
        for shard, names in sorted(shards.items())
    ]
    manifest = Manifest(
        run_id=_RUN_ID,
        created_at=_STARTED_AT.isoformat(),
        counts=Counts(
            named=len(uris),
            duplicates=0,
            listed=len(uris),
            scored=len(uris),
            failed=0,
        ),
        failures={},
        shard_count=shard_count,
        files=tuple(files),
        models={column.name: {"digest": column.digest}},
        settings=run.score_settings(),
        versions={},
        score_quantiles={},
    )
    schema = pq.read_schema(ledger / files[0].path)
    rows = {file.path: json.dumps({"numRecords": file.rows}) for file in files}
    publish_state(str(ledger), 0, manifest, schema=schema, stats=rows)


def run_into(ledger: Path, model_file: Path) -> Run:
    """Return a run that publishes the first version of a ledger."""
    return Run(
        asked=ScoringConfig(input=("list.parquet",), output=str(ledger)),
        id=_RUN_ID,
        started_at=_STARTED_AT,
        version=0,
        output=str(ledger),
        inputs=(Input(number=0, uri="list.parquet", kind=InputKind.PARQUET),),
        models=read_models([str(model_file)]),
    )


def scored_rows(uris: list[str]) -> list[LedgerRow]:
    """Return rows as a run would make them of small photos that are there."""
    score = Score(value=3.0, std=1.0, distribution=(0.2,) * 5)
    rows = []
    for uri in uris:
        found = storage_for(uri).stat(uri)
        assert found is not None
        row = LedgerRow(
            uri=uri,
            key=uri,
            sha256="0" * 64,
            format="JPEG",
            width=128,
            height=96,
            frames=1,
            orientation=1,
            scores=(score,),
            tokens=200,
        )
        rows.append(with_object(row, found))
    return rows


def _write_shard(
    ledger: Path, shard: int, shard_count: int, uris: list[str], model: LedgerModel
) -> LedgerFile:
    rows = scored_rows(uris)
    table = rows_to_table(
        rows,
        carried=pa.table({"album": [""] * len(rows)}),
        models=[model],
        run_id=_RUN_ID,
        run_started_at=_STARTED_AT,
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", row_group_size=10_000)
    path = f"runs/{_RUN_ID}/part-{shard:05d}-of-{shard_count:05d}.parquet"
    (ledger / path).write_bytes(buffer.getvalue())
    return LedgerFile(
        path=path,
        shard=shard,
        rows=len(rows),
        size_bytes=len(buffer.getvalue()),
        sha256=hashlib.sha256(buffer.getvalue()).hexdigest(),
    )
