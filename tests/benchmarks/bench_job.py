"""The whole job, end to end: rates, shares and start-up."""

import dataclasses
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from musiq_core.config import ModelConfig, published_config
from tests.benchmarks.flops import flops_of
from tests.benchmarks.make_photos import (
    MIXED_COUNT,
    mixed_sizes,
    write_photos,
)
from tests.benchmarks.measure import ROOT, Measured, gemm_gflops, measure
from tests.benchmarks.table import Row
from tests.helpers.tiny_models import tiny_model_file

CONFIG = published_config()
SMALL_SIZES = [(96, 128), (128, 96), (100, 100)]


@dataclasses.dataclass(frozen=True)
class Job:
    """Runs `musiq score` in a folder, with a model of the published size."""

    folder: Path
    model: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "Job":
        """Write the model."""
        model = folder / "model.safetensors"
        model.write_bytes(tiny_model_file(CONFIG, name="published_size"))
        return cls(folder, model)

    def score(
        self, photos: Path, *more: object, workers: int, env: dict | None = None
    ) -> Measured:
        """Score photos into a new ledger."""
        ledger = Path(tempfile.mkdtemp(dir=self.folder))
        arguments = ["--input", photos, "--output", ledger, "--model", self.model]
        arguments += ["--workers", workers, "--json", *more]
        measured = measure(["score", *arguments], env=env)
        gflop = useful_gflop(ledger, CONFIG)
        shutil.rmtree(ledger)
        return dataclasses.replace(measured, useful_gflop=gflop)


def run(folder: Path, *, quick: bool) -> list[Row]:
    """Return the rows of the table."""
    job, cores = Job.in_folder(folder), os.cpu_count() or 1
    mixed, small = folder / "mixed", folder / "small"
    write_photos(mixed, mixed_sizes(40 if quick else MIXED_COUNT))
    write_photos(small, SMALL_SIZES)
    rows = start_rows(job, small)
    rounds, gemm, bare = [], [], []
    for _ in range(1 if quick else 3):
        gemm.append(gemm_gflops(cores))
        rounds.append(job.score(mixed, workers=cores))
        bare.append(bare_seconds(job.model, mixed, cores))
    rows += mixed_rows(rounds, gemm, bare, cores)
    if quick:
        return rows
    one = job.score(mixed, workers=1).summary["images_per_second"]
    many = statistics.median(m.summary["images_per_second"] for m in rounds)
    rows.append((f"{cores} workers over 1, images/s", f"{many / one:.2f}", "1.75"))
    return rows


def start_rows(job: Job, small: Path) -> list[Row]:
    """Return the seconds of a job of three small photos, without and with a cache."""
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = (
            job.score(small, workers=1, env={"XDG_CACHE_HOME": cache}).summary
            for _ in range(2)
        )
        compiling = [bare_seconds(job.model, small, 1, cache)["compile"] for _ in "ab"]
    return [
        ("job of 3 small photos, nothing cached", f"{cold['seconds']:.1f} s", ""),
        ("the same, compilation cache warm", f"{warm['seconds']:.1f} s", ""),
        ("compiling with a warm cache", f"{compiling[-1]:.2f} s", "0.5 s"),
    ]


def mixed_rows(
    rounds: list[Measured], gemm: list[float], bare: list[Counter], cores: int
) -> list[Row]:
    """Return the rows of the mixed set; medians over rounds."""
    summary = rounds[0].summary
    images = summary["counts"]["listed"]
    seconds = statistics.median(m.summary["seconds"] for m in rounds)
    rate = statistics.median(gemm)
    bare_wall = statistics.median(b["wall"] for b in bare)
    useful = rounds[0].useful_gflop
    padding = 1 - (summary["tokens"] + images) / summary["computed_tokens"]
    bare_cpu = sum(bare[0][part] for part in ("read", "prepare", "score"))
    whole = seconds * cores
    share = {part: bare[0][part] / whole for part in ("prepare", "score", "read")}
    return [
        (f"mixed set of {images} JPEGs, {cores} workers", f"{seconds:.1f} s", ""),
        ("images/s, start-up included", f"{images / seconds:.2f}", ""),
        ("tokens/s", f"{summary['tokens'] / seconds:.0f}", ""),
        ("useful GFLOP an image", f"{useful / images:.1f}", ""),
        (f"GEMM rate, {cores} processes, same run", f"{rate:.0f} GFLOP/s", ""),
        ("useful GFLOP/s over GEMM rate", f"{useful / seconds / rate:.0%}", "55 %"),
        ("whole job over the bare scorer", f"{bare_wall / seconds:.0%}", "90 %"),
        (
            "images/s of decoding and patching, one core",
            f"{images / bare[0]['prepare']:.0f}",
            "",
        ),
        ("padding share of computed tokens", f"{padding:.2%}", "3 %"),
        ("compiled programs a worker", f"{summary['compilations'] / cores:g}", "3"),
        ("profile: scoring", f"{share['score']:.1%}", ""),
        ("profile: decode, resize, patches", f"{share['prepare']:.1%}", ""),
        ("profile: reading", f"{share['read']:.1%}", ""),
        (
            "profile: start-up, Beam, waiting, writing",
            f"{1 - bare_cpu / whole:.1%}",
            "",
        ),
    ]


def bare_seconds(
    model: Path, photos: Path, processes: int, cache: str | None = None
) -> Counter:
    """Return the seconds of the bare loop, summed, and `wall` without start-up."""
    env = os.environ | ({"XDG_CACHE_HOME": cache} if cache else {})
    files = sorted(photos.iterdir(), key=lambda file: file.stat().st_size)
    running = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.benchmarks.bare_scorer"),
                *("--model", str(model), *map(str, files[k::processes])),
            ],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=env,
        )
        for k in range(processes)
    ]
    found = [Counter(json.loads(one.communicate()[0])) for one in running]
    walls = [sum(one.values()) - one["compile"] for one in found]
    return sum(found, Counter()) + Counter(wall=max(walls))


def useful_gflop(ledger: Path, config: ModelConfig) -> float:
    """Sum the useful work of all scored rows of a ledger."""
    total = 0.0
    for file in ledger.glob("runs/*/*.parquet"):
        tokens = pq.read_table(file, columns=["tokens"]).column(0).to_pylist()
        total += sum(flops_of(count, config) for count in tokens if count)
    return total / 1e9
