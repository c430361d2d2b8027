"""Finish: photos are accounted for, a training set gets its labels, counts are kept."""

import csv
import dataclasses
import io
import json
from collections.abc import Iterator

import pyarrow.parquet as pq

from pipelines.copying.config import CopyingConfig, Layout
from pipelines.copying.kept_list import read_unit, units_of
from pipelines.copying.planning.plan import CopyPlan
from pipelines.copying.planning.targets import folder_of_plan
from pipelines.copying.report import CopyCounts, CopyStatus
from pipelines.storage import join, storage_for
from pipelines.storage.new_files import new_file
from schemas.errors import MusiqError

LABELS = "labels.csv"


class LostPhotosError(MusiqError):
    """Not every photo is accounted for."""


def finish_copy(
    counts: CopyCounts, plan: CopyPlan, config: CopyingConfig
) -> CopyCounts:
    """Check the counts and write them, after the labels of a training set.

    Raises:
      LostPhotosError: If the engine lost units on their way.
      StorageError: If the store fails.
    """
    if counts.kept != plan.photos:
        raise LostPhotosError(
            f"{plan.photos} photos were to be copied, but {counts.kept} are accounted "
            "for; run again"
        )
    if config.layout is Layout.TRAINING:
        write_labels(plan, config)
    uri = summary_name(plan, config)
    told = dataclasses.asdict(counts)
    storage_for(uri).write(uri, json.dumps(told, indent=2).encode())
    return counts


def read_summary(plan: CopyPlan, config: CopyingConfig) -> CopyCounts:
    """Return the counts that the newest run of a copy has left.

    Raises:
      StorageError: If there are none.
    """
    uri = summary_name(plan, config)
    with storage_for(uri).open_read(uri) as file:
        return CopyCounts(**json.loads(file.read()))


def summary_name(plan: CopyPlan, config: CopyingConfig) -> str:
    """Return where the counts lie."""
    return folder_of_plan(config.target, plan.id, "summary.json")


def write_labels(plan: CopyPlan, config: CopyingConfig) -> None:
    """Write `image,mos` for the photos that are there, as `musiq prepare csv` reads it.

    Raises:
      StorageError: If the store fails.
    """
    uri = join(config.target, LABELS)
    storage_for(uri).delete(uri)  # of an earlier run, which fewer photos may have had
    with new_file(uri) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(("image", "mos"))
        for image, label in _labelled(plan, config):
            lines.writerow((image, f"{label:.9g}"))
        text.detach()


def _labelled(plan: CopyPlan, config: CopyingConfig) -> Iterator[tuple[str, float]]:
    kept = folder_of_plan(config.target, plan.id, "kept")
    report = folder_of_plan(config.target, plan.id, "report")
    for file in plan.files:
        for unit in units_of(kept, file):
            uri = join(report, f"{unit.name}.parquet")
            with storage_for(uri).open_read(uri) as part:
                rows = pq.read_table(part).to_pylist()
            labels = read_unit(kept, unit).rows.field(config.label).to_pylist()
            for row, label in zip(rows, labels, strict=True):
                if row["status"] != CopyStatus.FAILED:
                    yield row["target"], label
