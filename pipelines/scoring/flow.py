"""The flow of `musiq score`, on one screen.

List, one ref a URI, Fetch, Prepare, Score, Write, Publish: each step's pure function
stands in the file of its name. Image refs cross the first shuffle and finished rows the
second; no image bytes and no patches ever do.
"""

import functools
from collections.abc import Iterable

import apache_beam as beam
from apache_beam.pvalue import AsList, AsSingleton, PCollection
from apache_beam.utils.shared import Shared

from pipelines.scoring.config import ScoringConfig
from pipelines.scoring.fetch import FetchImage
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.inputs import list_input
from pipelines.scoring.prepare import PrepareImage
from pipelines.scoring.progress import write_total
from pipelines.scoring.publish import publish_run
from pipelines.scoring.score import ScoreImages
from pipelines.scoring.write import WriteShard, shard_count_for, shard_of
from schemas.ledger import LedgerRow


def score_photos(pipeline: beam.Pipeline, config: ScoringConfig) -> PCollection:
    """Build the job that scores every input and publishes the ledger.

    Args:
      pipeline: The pipeline to build in.
      config: The run.

    Returns:
      The published manifest, one element.
    """
    named = (
        pipeline
        | "Inputs" >> beam.Create(list(config.inputs))
        | "List" >> beam.FlatMap(list_input)
    )
    refs = (
        named
        | "Key by URI" >> beam.Map(_with_uri)
        | "One ref a URI" >> beam.CombinePerKey(first_ref)
        | "Refs" >> beam.Values()
    )
    named_count = named | "Count named" >> beam.combiners.Count.Globally()
    listed_count = (
        refs
        | "Count listed" >> beam.combiners.Count.Globally()
        | "Show total"
        >> beam.Map(functools.partial(write_total, config.progress_folder))
    )
    rows = (
        refs
        | "Reshuffle" >> beam.Reshuffle()
        | "Fetch" >> beam.ParDo(FetchImage(max_file_bytes=config.max_file_bytes))
        | "Prepare"
        >> beam.ParDo(
            PrepareImage(
                decode=config.decode,
                limits=config.decoder_limits,
                preprocessings=config.preprocessings,
            )
        )
        | "Score" >> beam.ParDo(ScoreImages(config, Shared()))
    )
    summaries = (
        rows
        | "Key by shard" >> beam.Map(_with_shard, AsSingleton(listed_count), config)
        | "Group by shard" >> beam.GroupByKey()
        | "Write" >> beam.ParDo(WriteShard(config), AsSingleton(listed_count))
    )
    return (
        pipeline
        | "Once" >> beam.Create([config])
        | "Publish"
        >> beam.Map(
            _publish,
            AsList(summaries),
            AsSingleton(named_count),
            AsSingleton(listed_count),
        )
    )


def first_ref(refs: Iterable[ImageRef]) -> ImageRef:
    """Return the ref that the inputs named first, whatever order they arrive in."""
    return min(refs, key=lambda ref: ref.order)


def _with_uri(ref: ImageRef) -> tuple[str, ImageRef]:
    return ref.uri, ref


def _with_shard(
    row: LedgerRow, listed: int, config: ScoringConfig
) -> tuple[int, LedgerRow]:
    return shard_of(row.uri, shard_count_for(listed, config.rows_per_shard)), row


def _publish(config: ScoringConfig, summaries: list, named: int, listed: int):
    return publish_run(summaries, named=named, listed=listed, config=config)
