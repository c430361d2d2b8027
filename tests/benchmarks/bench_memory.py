"""Memory must not grow with the number of photos."""

import os
from pathlib import Path

from tests.benchmarks.bench_job import SMALL_SIZES, Job
from tests.benchmarks.make_photos import repeat_photos, write_photos
from tests.benchmarks.table import Row


def run(folder: Path, *, quick: bool) -> list[Row]:
    """Return the rows of the table."""
    job, cores = Job.in_folder(folder), os.cpu_count() or 1
    small = folder / "small"
    write_photos(small, SMALL_SIZES)
    counts = (20, 100) if quick else (200, 5000)
    peaks = {}
    for count in counts:
        repeat_photos(folder / f"repeated-{count}", small, count)
        peaks[count] = job.score(folder / f"repeated-{count}", workers=cores)
    few, many = peaks.values()
    rows = []
    for count, peak in peaks.items():
        rows += [
            (f"peak RSS of a worker, {count:,}", f"{peak.worker_mib:.0f} MiB", ""),
            (
                f"peak RSS of the launcher, {count:,}",
                f"{peak.launcher_mib:.0f} MiB",
                "",
            ),
        ]
    return [
        *rows,
        ("ratio, worker", f"{many.worker_mib / few.worker_mib:.3f}", "1.05"),
        ("ratio, launcher", f"{many.launcher_mib / few.launcher_mib:.3f}", "1.05"),
    ]
