"""A job in slices: millions of refs by a list with generations, planned and published.

Nothing is looked up. The photos of one list are in the ledger and unchanged; those of
the other do not exist, which is the cheapest way to have them scored: each is a failed
row that has gone the whole way.
"""

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ledger.states import publish_state
from pipelines.scoring.config import ScoringConfig
from pipelines.scoring.run import Run
from pipelines.scoring.writing.write import shard_count_for
from schemas.ledger import LedgerRow, Score, rows_to_table, shard_of
from schemas.manifest import Counts, LedgerFile, Manifest
from tests.benchmarks.measure import Measured, measure
from tests.benchmarks.planning_inputs import run_into
from tests.benchmarks.table import Row
from tests.helpers.tiny_models import tiny_model_file

_WORKERS = 2
_NOTHING_SCORED = 4
_GENERATION = "1700000000000000000:1:2"
_SIZE_BYTES = 200_000
_ROWS_TOGETHER = 250_000
_MAX_MIB = "1,536 MiB"


def run(folder: Path, *, quick: bool) -> list[Row]:
    """Return the rows of the table."""
    model = folder / "tiny.safetensors"
    model.write_bytes(tiny_model_file())
    most = 10_000 if quick else None
    carried = [20_000, 40_000] if quick else [5_000_000, 10_000_000]
    rows: list[Row] = []
    for count in carried:
        ledger = folder / f"ledger-{count}"
        _write_ledger(ledger, count, model)
        done = _score(folder, ledger, model, count, most)
        if done.summary["counts"]["carried_over"] != count:
            raise AssertionError(f"not all were carried: {done.summary['counts']}")
        rows += _rows_of(f"{count:,} unchanged refs", done)
    count = 20_000 if quick else 2_000_000
    done = _score(folder, folder / "new", model, count, most, exit_code=_NOTHING_SCORED)
    if done.summary["counts"]["failed"] != count:
        raise AssertionError(f"not all were tried: {done.summary['counts']}")
    return [*rows, *_rows_of(f"{count:,} new refs of absent files", done)]


def _rows_of(what: str, done: Measured) -> list[Row]:
    return [
        (f"{what}, {_WORKERS} workers", f"{done.summary['seconds']:.0f} s", ""),
        ("peak RSS of the launcher", f"{done.launcher_mib:.0f} MiB", _MAX_MIB),
        ("peak RSS of a worker", f"{done.worker_mib:.0f} MiB", ""),
    ]


def _score(
    folder: Path,
    ledger: Path,
    model: Path,
    count: int,
    most: int | None,
    *,
    exit_code: int = 0,
) -> Measured:
    listed = folder / f"list-{count}.parquet"
    if not listed.exists():
        _write_list(listed, count)
    return measure(
        [
            *("score", "--input", listed, "--output", ledger, "--model", model),
            *("--workers", _WORKERS, "--json", "--max_failure_rate", 1),
        ],
        env={"REFS_AT_ONCE": str(most)} if most else None,
        module="tests.helpers.small_slices" if most else "pipelines.cli",
        exit_code=exit_code,
    )


def _uris(numbers: Sequence[int] | np.ndarray) -> list[str]:
    return [f"/srv/photos/{n // 1000:06d}/{n * 7919 % 10**7:07d}.jpg" for n in numbers]


def _write_list(file: Path, count: int) -> None:
    """Write a Parquet manifest that says what a listing says."""
    schema = pa.schema(
        [("uri", pa.string()), ("generation", pa.string()), ("size_bytes", pa.int64())]
    )
    with pq.ParquetWriter(file, schema) as writer:
        for start in range(0, count, _ROWS_TOGETHER):
            uris = _uris(range(start, min(count, start + _ROWS_TOGETHER)))
            columns = [uris, [_GENERATION] * len(uris), [_SIZE_BYTES] * len(uris)]
            writer.write_table(pa.table(columns, schema=schema))


def _write_ledger(ledger: Path, count: int, model: Path) -> None:
    """Publish a ledger that says all were scored by a model."""
    run = run_into(ledger, model)
    shard_count = shard_count_for(count, ScoringConfig.rows_per_shard)
    shards = np.empty(count, np.int32)
    for start in range(0, count, _ROWS_TOGETHER):
        numbers = range(start, min(count, start + _ROWS_TOGETHER))
        shards[start : start + len(numbers)] = [
            shard_of(uri, shard_count) for uri in _uris(numbers)
        ]
    (ledger / "runs" / run.id).mkdir(parents=True)
    files = [
        _write_shard(ledger, run, shard, shard_count, np.flatnonzero(shards == shard))
        for shard in range(shard_count)
    ]
    manifest = Manifest(
        run_id=run.id,
        created_at=run.started_at.isoformat(),
        counts=Counts(named=count, duplicates=0, listed=count, scored=count, failed=0),
        failures={},
        shard_count=shard_count,
        files=tuple(files),
        models={m.name: {"digest": m.digest} for m in run.ledger_models},
        settings=run.score_settings(),
        versions={},
        score_quantiles={},
    )
    schema = pq.read_schema(ledger / files[0].path)
    stats = {file.path: json.dumps({"numRecords": file.rows}) for file in files}
    publish_state(str(ledger), 0, manifest, schema=schema, stats=stats)


def _write_shard(
    ledger: Path, run: Run, shard: int, shard_count: int, numbers: np.ndarray
) -> LedgerFile:
    score = Score(value=3.0, std=1.0, distribution=(0.2,) * 5)
    row = LedgerRow(
        uri="",
        key="",
        size_bytes=_SIZE_BYTES,
        generation=_GENERATION,
        sha256="0" * 64,
        format="JPEG",
        width=128,
        height=96,
        frames=1,
        orientation=1,
        scores=(score,),
        tokens=200,
    )
    one = rows_to_table(
        [row], models=run.ledger_models, run_id=run.id, run_started_at=run.started_at
    )
    table = one.take(np.zeros(len(numbers), np.int64))
    names = pa.array(sorted(_uris(numbers)), pa.string())
    for column in ("uri", "key"):
        place = table.schema.get_field_index(column)
        table = table.set_column(place, table.schema.field(place), names)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", row_group_size=10_000)
    path = f"runs/{run.id}/part-{shard:05d}-of-{shard_count:05d}.parquet"
    (ledger / path).write_bytes(buffer.getvalue())
    return LedgerFile(
        path=path,
        shard=shard,
        rows=len(numbers),
        size_bytes=len(buffer.getvalue()),
        sha256=hashlib.sha256(buffer.getvalue()).hexdigest(),
    )
