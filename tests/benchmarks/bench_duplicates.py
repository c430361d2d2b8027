"""Near-duplicates among many hashes: seconds, CPU seconds and memory.

Each size is measured in a process of its own. Hashes have 128 bits set, like nearly all
of PDQ, and 15 in 100 are copies: half of them of a few photos, a tenth identical.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from pipelines.selecting.duplicates.drop_duplicates import drop_duplicates
from tests.benchmarks.measure import ROOT
from tests.benchmarks.table import Row

_CHUNK = 100_000


def make_hashes(count: int) -> np.ndarray:
    """Hashes of 128 bits, uint8 [count, 32], of which 15 in 100 are copies."""
    random = np.random.default_rng(0)
    hashes = np.empty((count, 32), np.uint8)
    for start in range(0, count, _CHUNK):
        part = hashes[start : start + _CHUNK]
        values = random.random((len(part), 256), np.float32)
        median = np.partition(values, 128, axis=1)[:, 128:129]
        part[:] = np.packbits(values < median, axis=1)
    copies = random.permutation(count)[: count * 15 // 100]
    sources = random.integers(0, count, len(copies))
    sources[::2] = random.integers(0, 100, len(sources[::2]))
    hashes[copies] = hashes[sources]
    turned = np.where(random.random(len(copies)) < 0.1, 0, 24)
    for step in range(24):
        places = random.integers(0, 256, len(copies))
        is_turned = step < turned
        rows = copies[is_turned]
        bits = 1 << (places[is_turned] % 8)
        hashes[rows, places[is_turned] // 8] ^= bits.astype(np.uint8)
    return hashes


def measure(count: int, bits: int) -> dict:
    """What one size takes, this process's own memory included."""
    hashes = make_hashes(count)
    order = np.random.default_rng(1).permutation(count)
    quality = np.full(count, 100, np.uint8)
    wall, cpu = time.perf_counter(), time.process_time()
    found = drop_duplicates(hashes, quality, order, bits=bits)
    return {
        "hashes": count,
        "bits": bits,
        "seconds": round(time.perf_counter() - wall, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "max_rss_gib": round(
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2
        ),
        "dropped": int((~found.is_kept).sum()),
        "identical": found.identical,
        "compared": found.compared,
        "largest_bucket": found.largest_bucket,
    }


def run(folder: Path, *, quick: bool) -> list[Row]:
    """Return the rows of the table."""
    del folder
    rows: list[Row] = []
    for count in (100_000,) if quick else (1_000_000, 10_000_000):
        for bits in (15, 31):
            command = [sys.executable, "-m", __name__, str(count), str(bits)]
            done = subprocess.run(
                command, capture_output=True, text=True, check=True, cwd=ROOT
            )
            told = json.loads(done.stdout)
            rows.append(
                (
                    f"{count:,} hashes, {bits} bits",
                    f"{told['seconds']} s ({told['cpu_seconds']} s of CPU), "
                    f"{told['max_rss_gib']} GiB",
                    "300 s, 4 GiB" if count == 10_000_000 else "",
                )
            )
    return rows


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))))
