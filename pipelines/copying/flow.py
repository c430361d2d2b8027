"""The flow of a copy, on one screen.

The plan is made before the job. Units cross the shuffle by their names: no row does,
and no photo.
"""

import apache_beam as beam
from apache_beam.pvalue import PCollection

from pipelines.copying.config import CopyingConfig
from pipelines.copying.copy_unit import CopyUnit
from pipelines.copying.finish import finish_copy
from pipelines.copying.kept_list import units_of
from pipelines.copying.planning.plan import CopyPlan
from pipelines.copying.planning.targets import folder_of_plan
from pipelines.copying.report import CopyCounts


def copy_photos(
    pipeline: beam.Pipeline, plan: CopyPlan, config: CopyingConfig
) -> PCollection:
    """Build the job that copies photos and reports on each.

    Args:
      pipeline: The pipeline to build in.
      plan: What is copied.
      config: The copy.

    Returns:
      The counts, one element.
    """
    kept = folder_of_plan(config.target, plan.id, "kept")
    return (
        pipeline
        | "Lists" >> beam.Create(plan.files)
        | "Units" >> beam.FlatMap(lambda file: units_of(kept, file))
        | "Spread units" >> beam.Reshuffle()
        | "Copy" >> beam.ParDo(CopyUnit(config, plan.id))
        | "Count" >> beam.CombineGlobally(CopyCounts.total)
        | "Finish" >> beam.Map(finish_copy, plan, config)
    )
