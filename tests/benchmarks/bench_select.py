"""Selecting from ten million rows; from another number with BENCH_SELECT_ROWS."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.large_ledger import write_large_ledger
from tests.benchmarks.measure import ROOT
from tests.benchmarks.table import Row

_ROWS = 10_000_000
_QUICK_ROWS = 1_000_000
_CASES = {
    "where": ["--where", "width * height > 12e6 and camera <> 'camera-3'"],
    "percentiles": ["--min", "koniq=p80", "--max", "ava=p99"],
    "top percent": ["--top_percent", "koniq=10"],
    "top percent per group": ["--top_percent", "koniq=10", "--per", "camera"],
    "quota per pair of columns": [
        *("--top_percent", "koniq=10", "--per", "camera,taken_in"),
        *("--at_least", "5", "--at_most", "50"),
    ],
    "formula": ["--score", "0.7*koniq + 0.3*rank(ava)", "--drop_worst", "90%"],
    "sample per group": ["--sample", "10%", "--per", "camera"],
}
_CHILD = """
import json, resource, sys, time
started = time.perf_counter()
from pipelines.cli import main
code = main(sys.argv[1:])
seconds = time.perf_counter() - started
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"code": code, "seconds": seconds, "gib": most / 2**20}))
"""


def run(folder: Path, *, quick: bool) -> list[Row]:
    """Return the rows of the table."""
    count = int(os.environ.get("BENCH_SELECT_ROWS", _QUICK_ROWS if quick else _ROWS))
    ledger = folder / "ledger"
    write_large_ledger(ledger, count)
    rows: list[Row] = []
    for case, flags in _CASES.items():
        kept = folder / "kept.parquet"
        told = _select(ledger, kept, flags)
        kept.unlink()
        rows.append(
            (
                f"{case}, {count:,} rows, list written",
                f"{told['seconds']:.1f} s, {told['gib']:.2f} GiB",
                "10 s, 2 GiB" if count == _ROWS else "",
            )
        )
    told = _select(ledger, folder / "kept.csv", _CASES["formula"], folder / "rest.csv")
    what = f"formula, {count:,} rows, both lists written as CSV"
    rows.append((what, f"{told['seconds']:.1f} s, {told['gib']:.2f} GiB", ""))
    return rows


def _select(
    ledger: Path, kept: Path, flags: list[str], rest: Path | None = None
) -> dict:
    """Select in a process of its own; return its time and its most memory."""
    command = [sys.executable, "-c", _CHILD, "select", "--ledger", ledger, "--quiet"]
    lists = ["--output", kept, *(["--rest", rest] if rest else [])]
    done = subprocess.run(
        [*map(str, command), *flags, *map(str, lists)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    told = json.loads(done.stdout)
    if told["code"]:
        raise RuntimeError(f"{flags} ended with {told['code']}: {done.stderr}")
    return told
