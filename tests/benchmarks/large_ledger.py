"""A ledger of any number of rows, made in seconds a million: no photo was scored."""

import datetime
import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.ledger.states import publish_state
from schemas.delta.stats import file_stats
from schemas.ledger import LedgerModel, ledger_schema
from schemas.manifest import Counts, LedgerFile, Manifest

MODELS = tuple(
    LedgerModel(name=name, digest=name[0] * 64, has_distribution=False)
    for name in ("koniq", "ava")
)
_RANGES = {"koniq": (0.0, 100.0), "ava": (1.0, 10.0)}
_CARRIED = (pa.field("camera", pa.string()), pa.field("taken_in", pa.int32()))
_ROWS_PER_FILE = 100_000
_STARTED_AT = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
_FAILED_SHARE = 0.02


def write_large_ledger(
    folder: Path, rows: int, *, cameras: int = 1_000, seed: int = 0
) -> None:
    """Publish version 0 of a ledger.

    Args:
      folder: It is made.
      rows: Its rows; a fiftieth of them failed.
      cameras: Values of its carried column `camera`, the first ones more frequent; one
        in a hundred rows has none.
      seed: Of all values.
    """
    (folder / "runs/run").mkdir(parents=True)
    schema = ledger_schema(_CARRIED, MODELS)
    files, stats, failed = [], {}, 0
    for shard, start in enumerate(range(0, rows, _ROWS_PER_FILE)):
        count = min(_ROWS_PER_FILE, rows - start)
        random = np.random.default_rng((seed, shard))
        table = _table(schema, start, count, cameras, random)
        path = f"runs/run/part-{shard:05d}.parquet"
        pq.write_table(table, folder / path, compression="zstd", row_group_size=10_000)
        data = (folder / path).read_bytes()
        failed += pc.sum(pc.is_valid(table.column("failure"))).as_py()
        files.append(
            LedgerFile(
                path=path,
                shard=shard,
                rows=count,
                size_bytes=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
            )
        )
        stats[path] = file_stats(table, ["status"])
    manifest = Manifest(
        run_id="run",
        created_at=_STARTED_AT.isoformat(),
        counts=Counts(
            named=rows, duplicates=0, listed=rows, scored=rows - failed, failed=failed
        ),
        failures={"truncated": failed},
        shard_count=1 << (len(files) - 1).bit_length(),
        files=tuple(files),
        models={
            model.name: {
                "digest": model.digest,
                "uri": f"{model.name}.safetensors",
                "score_range": list(_RANGES[model.name]),
                "higher_is_better": True,
            }
            for model in MODELS
        },
        settings={},
        versions={},
        score_quantiles={},
    )
    publish_state(str(folder), 0, manifest, schema=schema, stats=stats)


def _table(
    schema: pa.Schema, start: int, count: int, cameras: int, random: np.random.Generator
) -> pa.Table:
    has_failed = random.random(count) < _FAILED_SHARE
    numbers = pa.array(np.arange(start, start + count)).cast(pa.string())
    keys = pc.binary_join_element_wise(pc.utf8_lpad(numbers, 12, "0"), ".jpg", "")
    digests = random.bytes(32 * count).hex().encode()
    camera = (cameras * random.random(count) ** 2).astype(np.int64)
    of_file = {
        "uri": pc.binary_join_element_wise("gs://photos/2026", keys, "/"),
        "key": keys,
        "camera": pc.if_else(
            pa.array(random.random(count) < 0.01),
            pa.scalar(None, pa.string()),
            pc.binary_join_element_wise("camera", pa.array(camera).cast("string"), "-"),
        ),
        "taken_in": pa.array(random.integers(1990, 2027, count), pa.int32()),
        "size_bytes": pa.array(random.integers(1e5, 1e7, count)),
        "generation": pa.array(random.integers(1e15, 9e15, count)).cast("string"),
        "modified_at": pa.array(
            np.full(count, 1_700_000_000_000_000) + random.integers(0, 10**12, count)
        ).cast(pa.timestamp("us", "UTC")),
        "sha256": pa.StringArray.from_buffers(
            count,
            pa.py_buffer(np.arange(0, 64 * count + 1, 64, np.int32)),
            pa.py_buffer(digests),
        ),
        "status": pc.if_else(pa.array(has_failed), "failed", "scored"),
        "failure": pc.if_else(pa.array(has_failed), "truncated", None),
        "vanished": pa.array(np.zeros(count, bool)),
        "run_id": pa.array(["run"] * count),
    }
    of_scored = {
        "format": pa.array(["JPEG"] * count),
        "width": pa.array(random.integers(400, 8_000, count), pa.int32()),
        "height": pa.array(random.integers(400, 6_000, count), pa.int32()),
        "tokens": pa.array(random.integers(100, 3_000, count), pa.int32()),
    }
    for model in MODELS:
        low, high = _RANGES[model.name]
        scores = low + (high - low) * random.beta(5, 3, count)
        of_scored[model.column] = pa.array(scores, pa.float32())
        of_scored[f"{model.column}_model"] = pa.array([model.digest] * count)
    scored = pa.array(~has_failed)
    for name, values in of_scored.items():
        of_file[name] = pc.if_else(scored, values, pa.scalar(None, values.type))
    arrays = [
        of_file[field.name].cast(field.type)
        if field.name in of_file
        else pa.nulls(count, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
