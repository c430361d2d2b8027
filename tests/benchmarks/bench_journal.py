"""A run that goes on from a journal of one that failed; dropping a large journal."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from pipelines.scoring.writing.journal import (
    drop_journal,
    journal_folder,
    write_journal,
)
from pipelines.storage.local import LocalStorage
from tests.benchmarks.make_photos import photo
from tests.benchmarks.planning_inputs import (
    run_into,
    scored_rows,
    write_links,
    write_manifest,
)
from tests.benchmarks.table import Row
from tests.helpers.run_musiq import run_here
from tests.helpers.tiny_models import tiny_model_file

_ROWS_PER_FILE = 200


def run(folder: Path, *, quick: bool) -> list[Row]:
    """Return the rows of the table."""
    model = folder / "tiny.safetensors"
    model.write_bytes(tiny_model_file())
    return [
        *_go_on(folder, model, 20_000 if quick else 1_000_000),
        _drop(folder, model, 6_000 if quick else 300_000),
    ]


def _go_on(folder: Path, model: Path, count: int) -> list[Row]:
    uris = write_links(folder / "photos", photo(96, 128, 1), count)
    write_manifest(folder / "list.parquet", uris)
    failed = run_into(folder / "ledger", model)
    for start in range(0, count, _ROWS_PER_FILE):
        write_journal(scored_rows(uris[start : start + _ROWS_PER_FILE]), failed)
    journal = Path(journal_folder(failed))
    sizes = {str(path): path.stat().st_size for path in journal.iterdir()}
    with _counted_opens() as opened:
        done = run_here(
            *("score", "--input", folder / "list.parquet", "--json", "--workers", 1),
            *("--output", folder / "ledger", "--model", model),
        )
    counts = done.summary["counts"]
    if counts["carried_over"] != count:
        raise AssertionError(f"not all rows were carried over: {counts}")
    read = sum(opened[name] * size for name, size in sizes.items())
    return [
        (
            f"{count:,} rows in {len(sizes):,} journal files: bytes read / written",
            f"{read / sum(sizes.values()):.2f}",
            "1.00",
        ),
        ("the run that goes on, one worker", f"{done.summary['seconds']:.0f} s", ""),
    ]


def _drop(folder: Path, model: Path, count: int) -> Row:
    run = run_into(folder / "dropped", model)
    journal = Path(journal_folder(run))
    journal.mkdir(parents=True)
    for number in range(count):
        (journal / f"{number}.parquet").write_bytes(b"x")
    started = time.perf_counter()
    drop_journal(run)
    seconds = time.perf_counter() - started
    if any(journal.parent.glob("*/*")):
        raise AssertionError("not all files were dropped")
    return (f"dropping {count:,} journal files", f"{seconds:.1f} s", "60 s")


@contextmanager
def _counted_opens() -> Iterator[Counter[str]]:
    """Count how often each local file is opened for reading; each is read whole."""
    opened: Counter[str] = Counter()
    plain = LocalStorage.open_read

    def counted(store, uri, *args, **options):
        opened[uri] += 1
        return plain(store, uri, *args, **options)

    with patch.object(LocalStorage, "open_read", counted):
        yield opened
