"""The graphs of a job in slices: the steps of `flow`, with the disk between them.

Spill what is named; decide for each part of it; score slice after slice; publish once.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import apache_beam as beam
from apache_beam.pvalue import AsList, AsSingleton, PCollection, TaggedOutput

from pipelines.scoring.choosing.subset import Rank, find_bound, is_chosen, not_chosen
from pipelines.scoring.config import Vanished
from pipelines.scoring.flow import (
    add_listed,
    key_by_shard,
    list_images,
    publish,
    read_journals,
    score,
    verify,
    write,
)
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.listing import LISTED, ListingCounts
from pipelines.scoring.planning.plan import JournalEntry, KeptRow, add_counts
from pipelines.scoring.planning.plan_shards import COUNTS, KEPT, TO_CHECK, PlanShard
from pipelines.scoring.run import Run
from pipelines.scoring.slices.findings import (
    Decided,
    Named,
    Slice,
    keep_decided,
    keep_named,
    keep_written,
    load,
)
from pipelines.scoring.slices.spill import Spill, SpillValues
from schemas.ledger import LedgerRow, shard_of
from schemas.left_out import LeftOutTally

_FAMILIES = 32


def spill_named(
    pipeline: beam.Pipeline, run: Run, *, folder: str, parts: int, to: str
) -> None:
    """List all inputs, and the rows that unfinished runs have left, onto the disk.

    Args:
      pipeline: The pipeline to build in.
      run: The run.
      folder: Where they shall lie.
      parts: Into how many parts they are divided by their URIs, a power of two.
      to: File that shall have the `Named`.
    """
    listed = list_images(pipeline, run)
    spill = SpillValues(folder, parts)
    # Before they flow together: what is spilled where it is made crosses no memory.
    spilled = [
        refs | f"Spill images {number}" >> beam.ParDo(spill)
        for number, refs in enumerate(listed.images)
    ]
    images: Any = spilled | "Spilled images" >> beam.Flatten()
    journal: Any = (
        read_journals(pipeline, run, parts)
        | "Entries" >> beam.Values()
        | "Spill journal" >> beam.ParDo(spill)
    )
    _ = (
        pipeline
        | "Once" >> beam.Create([run])
        | "Keep named"
        >> beam.Map(
            keep_named,
            AsSingleton(add_listed(listed.counted)),
            AsSingleton(listed.shards),
            AsSingleton(listed.columns),
            AsList(images),
            AsList(journal),
            parts=parts,
            to=to,
        )
    )


def decide(
    pipeline: beam.Pipeline, run: Run, *, named: Named, folder: str, to: str
) -> None:
    """Plan every part, and check the whole plan before anything is scored.

    Args:
      pipeline: The pipeline to build in.
      run: The run.
      named: What it is about.
      folder: Where the decisions shall lie.
      to: File that shall have the `Decided`.
    """
    families = pipeline | "Parts" >> beam.Create(_families(run, named.images.parts))
    if run.asked.choice.is_subset:
        refs = families | "Read images" >> beam.FlatMap(_refs_of, named.images)
        bound = AsSingleton(find_bound(refs, run.asked.choice))
    else:
        bound = _given(pipeline, "bound", None)
    parts = families | "Read named" >> beam.ParDo(
        ReadNamed(run, named), bound
    ).with_outputs(LISTED, main="parts")
    planned = parts.parts | "Plan" >> beam.ParDo(
        PlanShard.of(run, named.images.parts),
        _given(pipeline, "shards", named.shards),
        _given(pipeline, "columns", named.columns),
    ).with_outputs(KEPT, TO_CHECK, COUNTS, main="to_score")
    counts = planned[COUNTS] | "Add counts" >> beam.CombineGlobally(add_counts)
    met = pipeline | "Met" >> beam.Create([named.listing])
    spill = SpillValues(folder, named.images.parts)
    _ = (
        pipeline
        | "Once" >> beam.Create([run])
        | "Keep decided"
        >> beam.Map(
            keep_decided,
            AsSingleton(add_listed([met, parts[LISTED]])),
            AsSingleton(counts),
            AsList(planned.to_score | "Spill images to score" >> beam.ParDo(spill)),
            AsList(planned[TO_CHECK] | "Spill images to check" >> beam.ParDo(spill)),
            AsList(planned[KEPT] | "Spill kept rows" >> beam.ParDo(spill)),
            named=named,
            to=to,
        )
    )


def score_slice(
    pipeline: beam.Pipeline, run: Run, *, decided: Decided, one: Slice, to: str
) -> None:
    """Score one slice, but for what an earlier start of it has left in the journal.

    Args:
      pipeline: The pipeline to build in.
      run: The run, with the slice's own names of journal files.
      decided: What becomes of all images.
      one: The slice.
      to: File that shall have the summaries of the slice's shards.
    """
    parts = decided.to_score.parts
    columns = _given(pipeline, "columns", decided.named.columns)
    numbers = pipeline | "Parts" >> beam.Create(list(one.parts))
    to_check = numbers | "Images to check" >> beam.FlatMap(decided.to_check.read)
    changed, unchanged = verify(to_check, run)
    planned = (
        (
            numbers | "Every part" >> beam.Map(_with_nothing),
            read_journals(pipeline, run, parts, prefix=run.journal_prefix),
            changed | "Key by part" >> beam.Map(_with_part, parts),
        )
        | "Changed and journal" >> beam.Flatten()
        | "Group by part" >> beam.GroupByKey()
        | "Images to score" >> beam.Map(_with_spilled, decided.to_score)
        | "Go on"
        >> beam.ParDo(
            PlanShard(
                previous=None,
                part_count=parts,
                retry_failed=run.asked.retry_failed,
                vanished=Vanished.DROP,
                progress_folder=run.progress_folder,
            ),
            _given(pipeline, "shards", decided.named.shards),
            columns,
        ).with_outputs(KEPT, TO_CHECK, COUNTS, main="to_score")
    )
    rows = score(planned.to_score, _given(pipeline, "checked", True), run)
    row_count = _given(pipeline, "rows", decided.rows)
    shards = [(shard, None) for shard in one.shards]
    by_shard: Any = (
        (
            key_by_shard((rows, unchanged, planned[KEPT]), row_count, run),
            pipeline | "Every shard" >> beam.Create(shards),
        )
        | "Rows and shards" >> beam.Flatten()
        | "Group by shard" >> beam.GroupByKey()
        | "Kept rows" >> beam.FlatMap(_with_kept, decided.kept, one.shard_count)
    )
    summaries = write(by_shard, row_count, columns, run)
    _ = (
        pipeline
        | "Once" >> beam.Create([one])
        | "Keep written" >> beam.Map(keep_written, AsList(summaries), to=to)
    )


def publish_slices(
    pipeline: beam.Pipeline, run: Run, *, decided: Decided, written: Sequence[str]
) -> PCollection:
    """Publish what all slices have written.

    Args:
      pipeline: The pipeline to build in.
      run: The run.
      decided: What becomes of all images.
      written: Files with the summaries of each slice's shards.
    """
    return publish(
        pipeline | "Once" >> beam.Create([run]),
        pipeline
        | "Slices" >> beam.Create(list(written))
        | "Summaries" >> beam.FlatMap(load),
        _given(pipeline, "listing", decided.listing),
        _given(pipeline, "planned", decided.planned),
        _given(pipeline, "shards", decided.named.shards),
        _given(pipeline, "columns", decided.named.columns),
        _given(pipeline, "rows", decided.rows),
    )


class ReadNamed(beam.DoFn):
    """What falls into each part, as `PlanShard` takes it.

    Of a subset, images that are not chosen are left out and counted, as `LISTED`.
    """

    def __init__(self, run: Run, named: Named):
        self._choice = run.asked.choice
        self._has_ledger = run.previous is not None
        self._named = named

    def process(
        self, element: tuple[int, ...], bound: Rank | None
    ) -> Iterator[
        tuple[int, list[ImageRef | JournalEntry]]
        | TaggedOutput[Literal["listed"], ListingCounts]
    ]:
        """Emit parts, but empty ones only where the ledger may have something."""
        left_out = LeftOutTally()
        for part in element:
            values: list[ImageRef | JournalEntry] = []
            for ref in self._named.images.read(part):
                if is_chosen(ref, bound, self._choice):
                    values.append(ref)
                else:
                    left_out.add(not_chosen(ref, self._choice))
            values += self._named.journal.read(part)
            if values or self._has_ledger:
                yield part, values
        if told := left_out.total():
            yield TaggedOutput(LISTED, ListingCounts(left_out=told))


def _families(run: Run, parts: int) -> list[tuple[int, ...]]:
    """Return all parts, those together that lie in the same files of the ledger."""
    shards = run.previous.shard_count if run.previous else 1
    count = min(parts, max(shards, _FAMILIES))
    return [tuple(range(first, parts, count)) for first in range(count)]


def _refs_of(family: tuple[int, ...], images: Spill) -> Iterator[ImageRef]:
    for part in family:
        yield from images.read(part)


def _with_nothing(part: int) -> tuple[int, None]:
    return part, None


def _with_part(ref: ImageRef, parts: int) -> tuple[int, ImageRef]:
    return shard_of(ref.uri, parts), ref


def _with_spilled(
    found: tuple[int, Iterable[ImageRef | JournalEntry | None]], spilled: Spill
) -> tuple[int, list[ImageRef | JournalEntry | None]]:
    part, values = found
    return part, [*values, *spilled.read(part)]


def _with_kept(
    found: tuple[int, Iterable[LedgerRow | KeptRow | None]],
    kept: Spill,
    shard_count: int,
) -> Iterator[tuple[int, list[LedgerRow | KeptRow]]]:
    """Yield a shard with the rows that are on the disk, unless it has none at all."""
    shard, rows = found
    rows = [row for row in rows if row is not None]
    common = min(shard_count, kept.parts)
    for part in range(shard % common, kept.parts, common):
        rows += (
            row for row in kept.read(part) if shard_of(row.uri, shard_count) == shard
        )
    if rows:
        yield shard, rows


def _given(pipeline: beam.Pipeline, name: str, value: object) -> AsSingleton:
    """Return something that is known already as what a step waits for."""
    known = pipeline | f"Known {name}" >> beam.Create([value])
    return AsSingleton(known)  # pyright: ignore[reportArgumentType]
