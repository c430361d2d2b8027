"""The stages of a job in slices: which graph is next, and from what each goes on."""

import dataclasses
import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from pipelines.engines.job import Recovery, Stage
from pipelines.progress import Progress
from pipelines.scoring.monitoring.progress import read_progress, set_progress
from pipelines.scoring.planning.plan_shards import PARTS_OF_MANY
from pipelines.scoring.run import Run
from pipelines.scoring.slices.findings import Named, load, slices_of
from pipelines.scoring.slices.graphs import (
    decide,
    publish_slices,
    score_slice,
    spill_named,
)
from schemas.manifest import CountsError


def slice_stages(
    run: Run, folder: str, *, images_per_slice: int, publication: Recovery
) -> Iterator[Stage]:
    """Yield the stages of a run, each when those before it are done.

    Args:
      run: The run.
      folder: Empty folder of the local disk.
      images_per_slice: As `slices_of` has it.
      publication: How publication goes on.
    """
    disk = Path(folder)
    run = dataclasses.replace(run, refs_at_once=None)
    uncounted = dataclasses.replace(run, progress_folder=None)
    decided = yield from _plan_stages(uncounted, disk)
    slices = slices_of(
        decided,
        images_per_slice=images_per_slice,
        rows_per_shard=run.asked.rows_per_shard,
    )
    written: list[str] = []
    done = Progress(total=0, done=0, failed=0)
    for one in slices:
        name = f"{one.number} of {len(slices)}"
        ahead = sum(other.to_score for other in slices[one.number :])
        begin = functools.partial(
            _begin, run, dataclasses.replace(done, total=done.total + ahead)
        )
        begin()
        written.append(str(disk / f"written-{one.number}"))
        yield Stage(
            build=functools.partial(
                score_slice,
                run=dataclasses.replace(run, journal_prefix=f"{run.id}-{one.number}-"),
                decided=decided,
                one=one,
                to=written[-1],
            ),
            recovery=_from(f"the journal of slice {name}", begin),
        )
        if run.progress_folder:
            done = read_progress(run.progress_folder)
            done = dataclasses.replace(done, total=done.total - ahead)
    yield Stage(
        build=functools.partial(
            publish_slices, run=run, decided=decided, written=written
        ),
        recovery=publication,
    )


def _plan_stages(run: Run, disk: Path) -> Iterator[Stage]:
    """Yield the stages that come before the first slice; return what was decided."""
    parts = max(PARTS_OF_MANY, run.previous.shard_count if run.previous else 0)
    inputs, named_file = disk / "inputs", str(disk / "named")
    _empty(inputs)
    yield Stage(
        build=functools.partial(
            spill_named, run=run, folder=str(inputs), parts=parts, to=named_file
        ),
        recovery=_from("its inputs", functools.partial(_empty, inputs)),
    )
    named: Named = load(named_file)
    decisions, decided_file = disk / "decisions", str(disk / "decided")
    _empty(decisions)
    yield Stage(
        build=functools.partial(
            decide, run=run, named=named, folder=str(decisions), to=decided_file
        ),
        recovery=_from("what it has listed", functools.partial(_empty, decisions)),
    )
    shutil.rmtree(inputs)
    return load(decided_file)


def _from(source: str, begin: Callable[[], None]) -> Recovery:
    def make_ready() -> bool:
        begin()
        return True

    return Recovery(source=source, lost_data=(CountsError,), make_ready=make_ready)


def _begin(run: Run, before: Progress) -> None:
    """Let live counts begin at what is known before a slice."""
    if run.progress_folder:
        set_progress(run.progress_folder, before)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
