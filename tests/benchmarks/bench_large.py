"""Large photos: time and memory of one worker, whole and capped."""

from pathlib import Path

from tests.benchmarks.bench_job import Job
from tests.benchmarks.make_photos import write_photos
from tests.benchmarks.table import Row

_SIZES = {"12 MP": ((3000, 4000), "2,048 MiB"), "48 MP": ((6000, 8000), "4,096 MiB")}
_CAP = 3000


def run(folder: Path, *, quick: bool) -> list[Row]:
    """Return the rows of the table."""
    job, rows = Job.in_folder(folder), []
    for name, (size, limit) in list(_SIZES.items())[: 1 if quick else None]:
        photos = folder / name
        write_photos(photos, [size])
        whole = job.score(photos, workers=1)
        capped = job.score(photos, "--max_tokens", _CAP, workers=1)
        for measured, how in ((whole, "whole"), (capped, f"--max_tokens {_CAP}")):
            if measured.summary["counts"]["scored"] != 1:
                raise AssertionError(f"{name} was not scored: {measured.summary}")
            peak = f"{measured.total_mib:,.0f} MiB"
            rows += [
                (f"{name}, {how}", f"{measured.summary['seconds']:.0f} s", ""),
                (f"{name}, {how}: peak RSS of all processes", peak, limit),
            ]
    return rows
