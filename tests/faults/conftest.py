"""The job that the fault suite disturbs, and the state it must end with."""

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from faults.running_job import RunningJob
from faults.snapshots import Snapshot, read_snapshot
from helpers.make_images import write_images
from helpers.run_musiq import run_here
from helpers.tiny_models import tiny_model_file

_DISTINCT_IMAGES = 60
_COPIES = 10
_OLD_IMAGES = 100
_FEW_IMAGES = 240


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """Photos, a model, and what a run without faults makes of them.

    Attributes:
      model: The model file.
      photos: 600 images of 60 shapes, and 6 files that are no images.
      few: A list of 240 of them.
      published: A ledger with the first 100 of those.
      old: Its state.
      all_rows: The state that a run on `photos` must end with.
      few_rows: Likewise for `few`.
    """

    model: Path
    photos: Path
    few: Path
    published: Path
    old: Snapshot
    all_rows: Snapshot
    few_rows: Snapshot

    def arguments(self, source: Path, ledger: Path, *, workers: int) -> list[object]:
        """The command's arguments."""
        return [
            *("score", "--input", source, "--output", ledger),
            *("--model", self.model, "--workers", workers),
        ]

    def publish_old(self, ledger: Path) -> None:
        """Make a ledger with the old state."""
        shutil.copytree(self.published, ledger)


@pytest.fixture(scope="session")
def work(tmp_path_factory) -> Work:
    folder = tmp_path_factory.mktemp("work")
    photos, model = folder / "photos", folder / "tiny.safetensors"
    write_images(photos, _DISTINCT_IMAGES)
    for copy in range(1, _COPIES):
        for index in range(_DISTINCT_IMAGES):
            name = f"image-{index:03d}.png"
            os.link(photos / name, photos / f"copy-{copy:02d}-{name}")
    for index in range(6):
        (photos / f"copy-{index:02d}-page.jpg").write_bytes(b"<html>")
    model.write_bytes(tiny_model_file())
    names = sorted(path.as_posix() for path in photos.iterdir())
    first, few = folder / "first.txt", folder / "few.txt"
    first.write_text("\n".join(names[:_OLD_IMAGES]))
    few.write_text("\n".join(names[:_FEW_IMAGES]))

    def score(source: Path, ledger: Path) -> Snapshot:
        outcome = run_here(
            *("score", "--input", source, "--output", ledger),
            *("--model", model, "--workers", 1),
        )
        assert outcome.code == 0, outcome.err
        snapshot = read_snapshot(ledger)
        assert snapshot is not None
        return snapshot

    all_rows = score(photos, folder / "all")
    return Work(
        model=model,
        photos=photos,
        few=few,
        published=folder / "old",
        old=score(first, folder / "old"),
        all_rows=all_rows,
        few_rows={uri: all_rows[uri] for uri in names[:_FEW_IMAGES]},
    )


@pytest.fixture
def nothing_left_here(tmp_path, monkeypatch) -> Iterator[None]:
    """Fail if a run in this process leaves a child or a temporary file."""
    temporary = tmp_path / "temporary-here"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    before = psutil.Process().children(recursive=True)
    yield
    children = set(psutil.Process().children(recursive=True)) - set(before)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert list(temporary.iterdir()) == []


@pytest.fixture
def start_job(tmp_path) -> Iterator[Callable[..., RunningJob]]:
    """Starts jobs; when the test ends, nothing of them may be left."""
    jobs: list[RunningJob] = []

    def start(*arguments: object, **options) -> RunningJob:
        temporary = tmp_path / f"temporary-{len(jobs)}"
        jobs.append(RunningJob(*arguments, temporary=temporary, **options))
        return jobs[-1]

    yield start
    for job in jobs:
        if job.is_running():
            job.kill()
        job.end()
        job.require_nothing_left()
