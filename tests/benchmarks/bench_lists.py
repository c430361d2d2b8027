"""Lists of what was selected, and the plan of a copy: time and memory by rows."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.copying.config import CopyingConfig, Layout
from pipelines.copying.planning.plan import plan_copy
from pipelines.selecting.outputs.list_format import ListFormat
from pipelines.selecting.outputs.write_list import write_list
from tests.benchmarks.measure import ROOT
from tests.benchmarks.table import Row

_BATCH_ROWS = 100_000
_SCHEMA = pa.schema(
    [
        ("uri", pa.string()),
        ("key", pa.string()),
        ("size_bytes", pa.int64()),
        ("generation", pa.string()),
        ("sha256", pa.string()),
        ("uid", pa.string()),
        ("musiq_koniq", pa.float32()),
    ]
)
_LISTS = ("kept.parquet", "kept.csv", "kept.txt", "kept.npy", "kept.json")
_OBJECTS = ("kept.jsonl", "metadata.jsonl")
_PLANS = ("files", "webdataset")


def run(folder: Path, *, quick: bool) -> list[Row]:
    """Return the rows of the table."""
    many, some = (200_000, 50_000) if quick else (10_000_000, 1_000_000)
    rows: list[Row] = []
    for what, counts in ((_LISTS, (some, many)), (_OBJECTS + _PLANS, (some, 2 * some))):
        for name in what:
            found = [_in_child(name, count, folder / f"{count}") for count in counts]
            seconds, grown = found[1][0], found[1][1] - found[0][1]
            rows.append((f"{name}, {counts[1]:,} rows", f"{seconds:.1f} s", ""))
            told = f"  more memory than of {counts[0]:,}"
            rows.append((told, f"{grown / 2**20:.0f} MiB", ""))
    return rows


def _in_child(name: str, count: int, folder: Path) -> tuple[float, int]:
    """Return seconds and peak of resident memory, in bytes, of a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_lists", name, str(count)]
    told = subprocess.check_output([*command, str(folder)], cwd=ROOT)
    seconds, peak = json.loads(told)
    return seconds, peak


def _batches(count: int, name: str) -> Iterator[pa.RecordBatch]:
    random = np.random.default_rng(0)
    for start in range(0, count, _BATCH_ROWS):
        rows = min(_BATCH_ROWS, count - start)
        numbers = random.permutation(rows) + start
        place = (
            "shards/{:05d}.tar#{:09d}.jpg" if name == "kept.json" else "{:05d}/{}.jpg"
        )
        keys = [place.format(number % 1000, number) for number in numbers.tolist()]
        digests = [f"{number:032x}" for number in numbers.tolist()]
        yield pa.record_batch(
            [
                pa.array([f"gs://bucket-of-photos/2026/{key}" for key in keys]),
                pa.array(keys),
                pa.array(np.full(rows, 250_000)),
                pa.array([f"17000000000{number}" for number in numbers.tolist()]),
                pa.array([2 * digest for digest in digests]),
                pa.array(digests),
                pa.array(random.normal(60, 10, rows).astype(np.float32)),
            ],
            schema=_SCHEMA,
        )


def _work(name: str, count: int, folder: str) -> None:
    batches = _batches(count, name)
    if name in _PLANS:
        target = f"{folder}/{name}"
        plan_copy(batches, _SCHEMA, CopyingConfig(target=target, layout=Layout(name)))
    else:
        write_list(batches, _SCHEMA, f"{folder}/{name}", ListFormat.of(name))


if __name__ == "__main__":
    _started = time.perf_counter()
    _work(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    _seconds = time.perf_counter() - _started
    _peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps([_seconds, _peak]))
