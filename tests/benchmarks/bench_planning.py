"""Planning at scale: a Parquet manifest of photos that have not changed since."""

import os
from pathlib import Path

from tests.benchmarks.make_photos import photo
from tests.benchmarks.measure import measure
from tests.benchmarks.planning_inputs import write_ledger, write_links, write_manifest
from tests.benchmarks.table import Row
from tests.helpers.tiny_models import tiny_model_file


def run(folder: Path, *, quick: bool) -> list[Row]:
    """Return the rows of the table."""
    count = 20_000 if quick else 1_000_000
    model = folder / "tiny.safetensors"
    model.write_bytes(tiny_model_file())
    uris = write_links(folder / "photos", photo(96, 128, 1), count)
    write_manifest(folder / "list.parquet", uris)
    write_ledger(folder / "ledger", uris, model)
    done = measure(
        [
            *("score", "--input", folder / "list.parquet", "--json"),
            *("--output", folder / "ledger", "--model", model),
        ]
    )
    counts = done.summary["counts"]
    if counts["carried_over"] != count:
        raise AssertionError(f"not all rows were carried over: {counts}")
    seconds = done.summary["seconds"]
    return [
        (
            f"{count:,} unchanged refs, {os.cpu_count()} workers",
            f"{seconds:.0f} s",
            "300 s",
        ),
        ("peak RSS of the launcher", f"{done.launcher_mib:.0f} MiB", "2,048 MiB"),
        ("peak RSS of a worker", f"{done.worker_mib:.0f} MiB", "2,048 MiB"),
    ]
