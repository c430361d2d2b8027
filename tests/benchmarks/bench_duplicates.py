"""Near-duplicates among many hashes: seconds, CPU seconds and memory.

    .venv/bin/python tests/benchmarks/bench_duplicates.py [--quick]

Each size is measured in a process of its own. Hashes have 128 bits set, like nearly all
of PDQ, and 15 in 100 are copies: half of them of a few photos, a tenth identical.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from pipelines.selecting.duplicates.drop_duplicates import drop_duplicates

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


def main() -> None:
    """Measure every size and print a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--one", nargs=2, type=int, metavar=("N", "BITS"))
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(*asked.one)))
        return
    sizes = [100_000] if asked.quick else [1_000_000, 10_000_000]
    for count in sizes:
        for bits in (15, 31):
            one = [sys.executable, __file__, "--one", str(count), str(bits)]
            subprocess.run(one, check=True)


if __name__ == "__main__":
    main()
