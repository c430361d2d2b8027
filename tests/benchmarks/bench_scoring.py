"""What `musiq score` costs: `make bench` prints the table and writes RESULTS.md."""

import argparse
import datetime
import importlib.metadata
import os
import platform
import shutil
import statistics
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from musiq_core.config import ModelConfig, published_config
from tests.benchmarks.flops import flops_of
from tests.benchmarks.make_photos import (
    MIXED_COUNT,
    mixed_sizes,
    repeat_photos,
    write_photos,
)
from tests.benchmarks.measure import Measured, gemm_gflops, measure
from tests.helpers.tiny_models import tiny_model_file

RESULTS = Path(__file__).with_name("RESULTS.md")
CONFIG = published_config()


def main() -> None:
    """Measure, print and, unless quick, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under two minutes")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory(prefix="musiq-bench-") as folder:
        rows = run(Path(folder), quick=quick)
    text = to_markdown(rows)
    print(text)
    if not quick:
        RESULTS.write_text(text)


def run(folder: Path, *, quick: bool) -> list[tuple[str, str]]:
    """Return the rows of the table: what was measured, and the figure."""
    cores = os.cpu_count() or 1
    model = folder / "model.safetensors"
    model.write_bytes(tiny_model_file(CONFIG, name="published_size"))
    mixed = folder / "mixed"
    write_photos(mixed, mixed_sizes(40 if quick else MIXED_COUNT))
    small = folder / "small"
    write_photos(small, [(96, 128), (128, 96), (100, 100)])

    def score(photos: Path, *, workers: int) -> tuple[Measured, Path]:
        ledger = Path(tempfile.mkdtemp(dir=folder))
        arguments = ["--input", photos, "--output", ledger, "--model", model]
        return measure(["score", *arguments, "--workers", workers, "--json"]), ledger

    score(small, workers=cores)  # fills the compilation cache
    rounds, gemm = [], []
    for _ in range(1 if quick else 3):
        gemm.append(gemm_gflops(cores))
        rounds.append(score(mixed, workers=cores))
    rows = mixed_rows(rounds, statistics.median(gemm), cores)
    if quick:
        return rows
    one_worker, _ = score(mixed, workers=1)
    best = statistics.median(m.summary["images_per_second"] for m, _ in rounds)
    rows.append(
        (
            f"{cores} workers over 1, images/s",
            f"{best / one_worker.summary['images_per_second']:.2f}",
        )
    )
    for count in (200, 2000):
        repeat_photos(folder / f"repeated-{count}", small, count)
    few, _ = score(folder / "repeated-200", workers=cores)
    many, _ = score(folder / "repeated-2000", workers=cores)
    rows += [
        ("peak RSS of a worker, 200 small images", f"{few.worker_mib:.0f} MiB"),
        ("peak RSS of a worker, 2,000 small images", f"{many.worker_mib:.0f} MiB"),
        ("ratio, workers", f"{many.worker_mib / few.worker_mib:.3f}"),
        ("peak RSS of the launcher, 200", f"{few.launcher_mib:.0f} MiB"),
        ("peak RSS of the launcher, 2,000", f"{many.launcher_mib:.0f} MiB"),
        ("ratio, launcher", f"{many.launcher_mib / few.launcher_mib:.3f}"),
    ]
    return rows


def mixed_rows(
    rounds: list[tuple[Measured, Path]], gemm: float, cores: int
) -> list[tuple[str, str]]:
    """Return the rows of the mixed set; medians over rounds."""
    summary = rounds[0][0].summary
    seconds = statistics.median(m.summary["seconds"] for m, _ in rounds)
    images = summary["counts"]["listed"]
    gflop = useful_gflop(rounds[0][1], CONFIG)
    padding = 1 - (summary["tokens"] + images) / summary["computed_tokens"]
    return [
        (f"mixed set of {images} JPEGs, {cores} workers", f"{seconds:.1f} s"),
        ("images/s, start-up included", f"{images / seconds:.2f}"),
        ("tokens/s", f"{summary['tokens'] / seconds:.0f}"),
        ("useful GFLOP an image", f"{gflop / images:.1f}"),
        (f"GEMM rate, {cores} processes, same run", f"{gemm:.0f} GFLOP/s"),
        ("useful GFLOP/s over GEMM rate", f"{gflop / seconds / gemm:.0%}"),
        ("padding share of computed tokens", f"{padding:.2%}"),
        ("compiled programs, all workers", f"{summary['compilations']}"),
        (
            "peak RSS of a worker",
            f"{max(m.worker_mib for m, _ in rounds):.0f} MiB",
        ),
    ]


def useful_gflop(ledger: Path, config: ModelConfig) -> float:
    """Sum the useful work of all scored rows of a ledger."""
    total = 0.0
    for file in ledger.glob("runs/*/*.parquet"):
        tokens = pq.read_table(file, columns=["tokens"]).column(0).to_pylist()
        total += sum(flops_of(count, config) for count in tokens if count)
    shutil.rmtree(ledger)
    return total / 1e9


def to_markdown(rows: list[tuple[str, str]]) -> str:
    """Return the table with the machine, versions and date."""
    packages = ("apache-beam", "jax", "numpy", "pillow", "simplejpeg")
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in packages)
    machine = f"{os.cpu_count()} cores, {_processor()}, {platform.system()}"
    lines = [
        "# Measured by `make bench`",
        "",
        f"{datetime.date.today()}; {machine}; Python {platform.python_version()}, "
        f"{versions}. Float32 on the CPU, published model size, random parameters, "
        "synthetic photos. Medians of three rounds where rates are given.",
        "",
        "| what | figure |",
        "| --- | --- |",
        *(f"| {what} | {figure} |" for what, figure in rows),
    ]
    return "\n".join(lines) + "\n"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.processor()


if __name__ == "__main__":
    main()
