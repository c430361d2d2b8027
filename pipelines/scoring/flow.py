"""The flow of `musiq score`, on one screen.

List, Plan, Check, Fetch, Prepare, Score, Journal, Write, Publish: each step's pure
function stands in the file of its name. Image refs cross shuffles on the way in,
finished rows on the way out; no image bytes and no patches ever do. One machine does
what is too much for one graph by the same steps in several (`slices`).
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import AsList, AsSingleton, PCollection

from pipelines.scoring.carried.columns import CarriedColumns, unite_layouts
from pipelines.scoring.carried.layout import add_layouts
from pipelines.scoring.choosing.subset import Subset
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.listing import (
    LAYOUTS,
    LISTED,
    SHARDS,
    SPANS,
    TALLIES,
    ListingCounts,
    ListInput,
    ListShard,
    ListSpan,
    add_listing_counts,
)
from pipelines.scoring.planning.check_plan import check_plan
from pipelines.scoring.planning.lost_shards import ShardTally, add_tallies
from pipelines.scoring.planning.plan import KeptRow, PlanCounts, add_counts
from pipelines.scoring.planning.plan_shards import (
    COUNTS,
    KEPT,
    TO_CHECK,
    PlanShard,
    plan_shard_count,
)
from pipelines.scoring.reading.fetch import FetchImage
from pipelines.scoring.reading.gather import Gather
from pipelines.scoring.reading.prepare import PrepareImage
from pipelines.scoring.reading.verify_content import CHANGED, VerifyContent
from pipelines.scoring.run import Run
from pipelines.scoring.score import ScoreBatches
from pipelines.scoring.writing.journal import (
    JournalRows,
    journal_folder,
    list_journal,
    read_journal,
)
from pipelines.scoring.writing.publish import publish_run
from pipelines.scoring.writing.write import WriteShard, shard_count_for
from schemas.ledger import LedgerRow, shard_of
from schemas.manifest import Manifest


class Listed(NamedTuple):
    """What listing gives.

    Attributes:
      images: Refs, in several collections.
      counted: `ListingCounts`, likewise.
      shards: The `ShardTally` of all files of images.
      columns: The `CarriedColumns`.
    """

    images: tuple[PCollection, ...]
    counted: tuple[PCollection, ...]
    shards: PCollection
    columns: PCollection


def score_photos(pipeline: beam.Pipeline, run: Run) -> PCollection:
    """Build the job that scores every input and publishes the ledger.

    Args:
      pipeline: The pipeline to build in.
      run: The run.

    Returns:
      The published manifest, one element.
    """
    once = pipeline | "Once" >> beam.Create([run])
    named, listing, shards, columns = _list(pipeline, run)
    to_score, kept, plan_counts = _plan(pipeline, named, shards, columns, run)
    row_count = (
        (to_score, kept)
        | "Planned rows" >> beam.Flatten()
        | "Count rows" >> beam.combiners.Count.Globally()
    )
    met = (AsSingleton(listing), AsSingleton(plan_counts), AsSingleton(shards))
    checked = once | "Check" >> beam.Map(check_plan, *met)
    rows = score(to_score, AsSingleton(checked), run)
    by_shard: Any = (
        key_by_shard((rows, kept), AsSingleton(row_count), run)
        | "Group by shard" >> beam.GroupByKey()
    )
    summaries = write(by_shard, AsSingleton(row_count), columns, run)
    return publish(once, summaries, *met, columns, AsSingleton(row_count))


def score(to_score: PCollection, checked: AsSingleton, run: Run) -> PCollection:
    """Score refs once `checked` is there, and make their rows durable."""
    rows: Any = (
        to_score
        | "Gather" >> Gather(is_fast=run.asked.device.is_accelerator)
        | "Reshuffle" >> beam.Reshuffle()
        | "Fetch"
        >> beam.ParDo(FetchImage(max_file_bytes=run.asked.max_file_bytes), checked)
        | "Prepare"
        >> beam.ParDo(
            PrepareImage(
                run.preparation,
                run.asked.decoder_limits,
                is_ahead=run.asked.device.is_accelerator,
            )
        )
        | "Score"
        >> beam.ParDo(
            ScoreBatches(
                run.models, run.asked.device, progress_folder=run.progress_folder
            )
        )
        | "Journal rows" >> beam.ParDo(JournalRows(run))
    )
    return rows


def key_by_shard(
    rows: Iterable[PCollection], row_count: AsSingleton, run: Run
) -> PCollection:
    """Bring rows together, each with its shard of a ledger of `row_count` rows."""
    keyed: Any = (
        rows
        | "All rows" >> beam.Flatten()
        | "Key by shard" >> beam.Map(_with_shard, row_count, run)
    )
    return keyed


def write(
    shards: PCollection, row_count: AsSingleton, columns: AsSingleton, run: Run
) -> PCollection:
    """Write shards of a ledger of `row_count` rows; return their summaries."""
    summaries: Any = shards | "Write" >> beam.ParDo(WriteShard(run), row_count, columns)
    return summaries


def publish(
    once: PCollection,
    summaries: PCollection,
    listing: AsSingleton,
    planned: AsSingleton,
    shards: AsSingleton,
    columns: AsSingleton,
    rows: AsSingleton,
) -> PCollection:
    """Publish the one run in `once`; arguments are as `publish_run` has them."""
    manifest: Any = once | "Publish" >> beam.Map(
        _publish, AsList(summaries), listing, planned, shards, columns, rows
    )
    return manifest


def list_images(pipeline: beam.Pipeline, run: Run) -> Listed:
    """List every image of the inputs.

    Files of images, and spans of very large inputs, are listed in parallel.
    """
    limit = run.refs_at_once
    listed = (
        pipeline
        | "Inputs" >> beam.Create(list(run.inputs))
        | "List"
        >> beam.ParDo(ListInput(limit)).with_outputs(
            SHARDS, SPANS, LISTED, LAYOUTS, main="images"
        )
    )
    spans = (
        listed[SPANS]
        | "Spread spans" >> beam.Reshuffle()
        | "List spans"
        >> beam.ParDo(ListSpan(limit)).with_outputs(
            SHARDS, LISTED, LAYOUTS, main="images"
        )
    )
    members = (
        (listed[SHARDS], spans[SHARDS])
        | "Shards" >> beam.Flatten()
        | "Spread shards" >> beam.Reshuffle()
        | "List shards"
        >> beam.ParDo(ListShard(limit)).with_outputs(
            LISTED, TALLIES, LAYOUTS, main="images"
        )
    )
    return Listed(
        images=(listed.images, spans.images, members.images),
        counted=(listed[LISTED], spans[LISTED], members[LISTED]),
        shards=members[TALLIES] | "Add tallies" >> beam.CombineGlobally(add_tallies),
        columns=(listed[LAYOUTS], spans[LAYOUTS], members[LAYOUTS])
        | "Layouts" >> beam.Flatten()
        | "Add layouts" >> beam.CombineGlobally(add_layouts)
        | "Unite layouts" >> beam.Map(unite_layouts),
    )


def add_listed(counted: Iterable[PCollection]) -> PCollection:
    """Add up what listing met."""
    counts: Any = (
        counted
        | "Listed" >> beam.Flatten()
        | "Add listing counts" >> beam.CombineGlobally(add_listing_counts)
    )
    return counts


def read_journals(
    pipeline: beam.Pipeline, run: Run, parts: int, *, prefix: str = ""
) -> PCollection:
    """Read rows that unfinished runs have left, by plan shard.

    Args:
      pipeline: The pipeline to build in.
      run: The run.
      parts: Plan shards.
      prefix: With what the names of files begin.
    """
    return (
        pipeline
        | "Journal" >> beam.Create([journal_folder(run)])
        | "List journal" >> beam.FlatMap(list_journal, prefix)
        | "Spread journal" >> beam.Reshuffle()
        | "Read journal" >> beam.FlatMap(read_journal, run, parts)
    )


def verify(to_check: PCollection, run: Run) -> tuple[PCollection, PCollection]:
    """Divide images whose content decides: those to be scored, and rows that hold."""
    content: Any = to_check | "Verify content" >> VerifyContent(
        max_file_bytes=run.asked.max_file_bytes, progress_folder=run.progress_folder
    )
    return content[CHANGED], content.unchanged


def _list(
    pipeline: beam.Pipeline, run: Run
) -> tuple[PCollection, PCollection, PCollection, AsSingleton]:
    """Return a ref for every image, counts of all, the shards, the carried columns."""
    listed = list_images(pipeline, run)
    named, counted = listed.images | "Named" >> beam.Flatten(), listed.counted
    if run.asked.choice.is_subset:
        subset = named | "Choose subset" >> Subset(run.asked.choice)
        named, counted = subset.images, (*counted, subset[LISTED])
    columns = AsSingleton(listed.columns)  # pyright: ignore[reportArgumentType]
    return named, add_listed(counted), listed.shards, columns


def _plan(
    pipeline: beam.Pipeline,
    named: PCollection,
    shards: PCollection,
    columns: AsSingleton,
    run: Run,
) -> tuple[PCollection, PCollection, PCollection]:
    """Divide the inputs: those to be scored, rows taken over, and counts of all.

    It waits for the carried columns: what is wrong with them is told before anything
    is scored.
    """
    parts = plan_shard_count(run)
    every_part = pipeline | "Every plan shard" >> beam.Create(
        [(part, None) for part in range(parts)] if run.previous else []
    )
    journal = read_journals(pipeline, run, parts)
    planned = (
        (
            named | "Key by plan shard" >> beam.Map(_with_plan_shard, parts),
            journal,
            every_part,
        )
        | "Inputs and journal" >> beam.Flatten()
        | "Group by plan shard" >> beam.GroupByKey()
        | "Plan"
        >> beam.ParDo(
            PlanShard.of(run, parts), AsSingleton(shards), columns
        ).with_outputs(KEPT, TO_CHECK, COUNTS, main="to_score")
    )
    counts = planned[COUNTS] | "Add counts" >> beam.CombineGlobally(add_counts)
    if not run.asked.verify_content:
        return planned.to_score, planned[KEPT], counts
    changed, unchanged = verify(planned[TO_CHECK], run)
    to_score = (planned.to_score, changed) | "To score" >> beam.Flatten()
    kept = (planned[KEPT], unchanged) | "Kept" >> beam.Flatten()
    return to_score, kept, counts


def _with_plan_shard(ref: ImageRef, shard_count: int) -> tuple[int, ImageRef]:
    return shard_of(ref.uri, shard_count), ref


def _with_shard(
    row: LedgerRow | KeptRow, rows: int, run: Run
) -> tuple[int, LedgerRow | KeptRow]:
    return shard_of(row.uri, shard_count_for(rows, run.asked.rows_per_shard)), row


def _publish(
    run: Run,
    summaries: list,
    listing: ListingCounts,
    planned: PlanCounts,
    shards: ShardTally,
    columns: CarriedColumns,
    rows: int,
) -> Manifest:
    return publish_run(
        summaries,
        listing=listing,
        planned=planned,
        shards=shards,
        columns=columns,
        rows=rows,
        run=run,
    )
