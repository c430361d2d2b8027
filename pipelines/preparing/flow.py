"""The flow of `musiq prepare`, on one screen.

Plan, Write, Publish: each step's pure function stands in the file of its name. Labels
and places of images cross the shuffle; no image bytes do.
"""

import apache_beam as beam
from apache_beam.pvalue import AsList, PCollection

from pipelines.preparing.config import PreparingConfig
from pipelines.preparing.plan import plan_shards
from pipelines.preparing.publish import publish
from pipelines.preparing.write import WriteShard


def prepare_data_set(pipeline: beam.Pipeline, config: PreparingConfig) -> PCollection:
    """Build the job that turns a release into shards and publishes their card.

    Args:
      pipeline: The pipeline to build in.
      config: The run.

    Returns:
      The published card, one element.
    """
    planned = (
        pipeline | "Release" >> beam.Create([config]) | "Plan" >> beam.Map(plan_shards)
    )
    summaries = (
        planned
        | "Shards" >> beam.FlatMap(lambda plan: plan.shards)
        | "Spread shards" >> beam.Reshuffle()
        | "Write" >> beam.ParDo(WriteShard(config))
    )
    return (
        planned
        | "Facts" >> beam.Map(lambda plan: plan.facts)
        | "Publish" >> beam.Map(publish, AsList(summaries), config)
    )
