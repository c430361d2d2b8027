"""Copy a unit: its photos are copied, what became of them goes into the report."""

from collections.abc import Iterator

import apache_beam as beam

from pipelines.copying.config import CopyingConfig
from pipelines.copying.copy_files import copy_files
from pipelines.copying.copy_shard import copy_shard
from pipelines.copying.kept_list import Unit, read_unit
from pipelines.copying.planning.targets import folder_of_plan
from pipelines.copying.report import CopyCounts, CopyRow, report_file
from pipelines.storage import join, storage_for


def copy_unit(unit: Unit, config: CopyingConfig, plan: str) -> CopyCounts:
    """Copy the photos of a unit, write its part of the report, and count.

    A retry finds what was copied, so that it is there once, and `already_there`.

    Args:
      unit: The unit.
      config: The copy.
      plan: Id of the plan that the unit is of.

    Raises:
      StorageError: If a store is down.
    """
    kept = read_unit(folder_of_plan(config.target, plan, "kept"), unit)
    rows: list[CopyRow]
    if config.layout.is_sharded:
        rows = copy_shard(kept, config.target, config.layout)
    else:
        rows = list(copy_files(kept.photos, config.target))
    place = {photo.uri: photo.number for photo in kept.photos}
    rows.sort(key=lambda row: place[row.uri])
    report = folder_of_plan(config.target, plan, "report")
    uri = join(report, f"{unit.name}.parquet")
    storage_for(uri).write(uri, report_file(rows))
    return CopyCounts.of(rows)


class CopyUnit(beam.DoFn):
    """`copy_unit` for every unit."""

    def __init__(self, config: CopyingConfig, plan: str):
        self._config = config
        self._plan = plan

    def process(self, element: Unit) -> Iterator[CopyCounts]:
        """Emit the counts of the unit."""
        yield copy_unit(element, self._config, self._plan)
