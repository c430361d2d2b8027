"""The flow of `musiq score`, on one screen.

List, Plan, Fetch, Prepare, Score, Journal, Write, Publish: each step's pure function
stands in the file of its name. Image refs cross shuffles on the way in, finished rows
on the way out; no image bytes and no patches ever do.
"""

import apache_beam as beam
from apache_beam.pvalue import AsList, AsSingleton, DoOutputsTuple, PCollection

from pipelines.scoring.carried.columns import unite_layouts
from pipelines.scoring.carried.layout import add_layouts
from pipelines.scoring.fetch import FetchImage
from pipelines.scoring.gather import Gather
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.journal import (
    JournalRows,
    journal_folder,
    list_journal,
    read_journal,
)
from pipelines.scoring.listing import (
    LAYOUTS,
    LISTED,
    SHARDS,
    ListingCounts,
    ListInput,
    ListShard,
    add_listing_counts,
)
from pipelines.scoring.plan import KeptRow, PlanCounts, add_counts
from pipelines.scoring.plan_shards import COUNTS, KEPT, PlanShard, plan_shard_count
from pipelines.scoring.prepare import PrepareImage
from pipelines.scoring.publish import publish_run
from pipelines.scoring.run import Run
from pipelines.scoring.score import ScoreBatches
from pipelines.scoring.write import WriteShard, shard_count_for
from schemas.ledger import LedgerRow, shard_of
from schemas.manifest import Manifest


def score_photos(pipeline: beam.Pipeline, run: Run) -> PCollection:
    """Build the job that scores every input and publishes the ledger.

    Args:
      pipeline: The pipeline to build in.
      run: The run.

    Returns:
      The published manifest, one element.
    """
    named, listing, columns = _list(pipeline, run)
    planned = _plan(pipeline, named, columns, run)
    row_count = (
        (planned.to_score, planned[KEPT])
        | "Planned rows" >> beam.Flatten()
        | "Count rows" >> beam.combiners.Count.Globally()
    )
    plan_counts = planned[COUNTS] | "Add counts" >> beam.CombineGlobally(add_counts)
    rows = (
        planned.to_score
        | "Gather" >> Gather()
        | "Reshuffle" >> beam.Reshuffle()
        | "Fetch" >> beam.ParDo(FetchImage(max_file_bytes=run.asked.max_file_bytes))
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
    summaries = (
        (rows, planned[KEPT])
        | "All rows" >> beam.Flatten()
        | "Key by shard" >> beam.Map(_with_shard, AsSingleton(row_count), run)
        | "Group by shard" >> beam.GroupByKey()
        | "Write"
        >> beam.ParDo(
            WriteShard(run),
            AsSingleton(row_count),
            AsSingleton(columns),  # pyright: ignore[reportArgumentType]
        )
    )
    return (
        pipeline
        | "Once" >> beam.Create([run])
        | "Publish"
        >> beam.Map(
            _publish,
            AsList(summaries),
            AsSingleton(listing),  # pyright: ignore[reportArgumentType]
            AsSingleton(plan_counts),  # pyright: ignore[reportArgumentType]
            AsSingleton(row_count),
        )
    )


def _list(
    pipeline: beam.Pipeline, run: Run
) -> tuple[PCollection, PCollection, PCollection]:
    """Return a ref for every image, the counts of all, and the carried columns.

    Files of images are looked into in parallel.
    """
    listed = (
        pipeline
        | "Inputs" >> beam.Create(list(run.inputs))
        | "List"
        >> beam.ParDo(ListInput()).with_outputs(SHARDS, LISTED, LAYOUTS, main="images")
    )
    members = (
        listed[SHARDS]
        | "Spread shards" >> beam.Reshuffle()
        | "List shards"
        >> beam.ParDo(ListShard()).with_outputs(LISTED, LAYOUTS, main="images")
    )
    counts = (
        (listed[LISTED], members[LISTED])
        | "Listed" >> beam.Flatten()
        | "Add listing counts" >> beam.CombineGlobally(add_listing_counts)
    )
    columns = (
        (listed[LAYOUTS], members[LAYOUTS])
        | "Layouts" >> beam.Flatten()
        | "Add layouts" >> beam.CombineGlobally(add_layouts)
        | "Unite layouts" >> beam.Map(unite_layouts)
    )
    images = (listed.images, members.images) | "Named" >> beam.Flatten()
    return images, counts, columns


def _plan(
    pipeline: beam.Pipeline, named: PCollection, columns: PCollection, run: Run
) -> DoOutputsTuple:
    """Divide the inputs: `to_score`, `KEPT` for rows taken over, and `COUNTS`.

    It waits for the carried columns: what is wrong with them is told before anything
    is scored.
    """
    shards = plan_shard_count(run.previous)
    every_shard = pipeline | "Every plan shard" >> beam.Create(
        [(shard, None) for shard in range(shards)] if run.previous else []
    )
    journal = (
        pipeline
        | "Journal" >> beam.Create([journal_folder(run)])
        | "List journal" >> beam.FlatMap(list_journal)
        | "Spread journal" >> beam.Reshuffle()
        | "Read journal" >> beam.FlatMap(read_journal, shard_count=shards)
    )
    return (
        (
            named | "Key by plan shard" >> beam.Map(_with_plan_shard, shards),
            journal,
            every_shard,
        )
        | "Inputs and journal" >> beam.Flatten()
        | "Group by plan shard" >> beam.GroupByKey()
        | "Plan"
        >> beam.ParDo(
            PlanShard(
                previous=run.previous,
                retry_failed=run.asked.retry_failed,
                vanished=run.asked.vanished,
                progress_folder=run.progress_folder,
            ),
            AsSingleton(columns),  # pyright: ignore[reportArgumentType]
        ).with_outputs(KEPT, COUNTS, main="to_score")
    )


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
    counts: PlanCounts,
    rows: int,
) -> Manifest:
    return publish_run(summaries, listing=listing, planned=counts, rows=rows, run=run)
