"""Rows of photos as a run would have scored them, without a model; and their copies."""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.copying.config import CopyingConfig, Layout
from pipelines.copying.copy_unit import copy_unit
from pipelines.copying.finish import finish_copy
from pipelines.copying.kept_list import units_of
from pipelines.copying.planning.plan import plan_copy
from pipelines.copying.planning.targets import folder_of_plan, resolve_target
from pipelines.copying.report import CopyCounts
from pipelines.copying.run_copying import copying_job, exit_code_of, run_copying
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.inputs import list_input, resolve_inputs
from pipelines.scoring.reading.fetch import fetch_image, fetch_together
from pipelines.scoring.reading.gather import piece_of
from pipelines.scoring.shards.list_shard import list_shard
from pipelines.scoring.shards.shard import Shard
from pipelines.storage import storage_for
from schemas.programs.program import EngineArguments

SCHEMA = pa.schema(
    [
        pa.field("uri", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("size_bytes", pa.int64()),
        pa.field("generation", pa.string()),
        pa.field("sha256", pa.string()),
        pa.field("format", pa.string()),
        pa.field("musiq_tiny", pa.float32()),
        pa.field("scored_at", pa.timestamp("us", "UTC")),
    ]
)
_LIMIT = 10**9


def kept_rows(*inputs: object) -> list[dict]:
    """A row for every photo that inputs name; photo i has score i."""
    rows = []
    for one in resolve_inputs([str(one) for one in inputs], uri_column="uri"):
        refs = [r for found in list_input(one) for r in _refs(found)]
        for _, together in itertools.groupby(refs, key=_piece):
            rows += [fetched.row for fetched in _fetched(list(together))]
    names = [name for name in SCHEMA.names if hasattr(rows[0], name)]
    return [
        {name: getattr(row, name) for name in names}
        | {"musiq_tiny": float(number), "format": "PNG", "scored_at": None}
        for number, row in enumerate(rows)
    ]


def _refs(found) -> Iterator[ImageRef]:
    found = list_shard(found) if isinstance(found, Shard) else [found]
    return (ref for ref in found if isinstance(ref, ImageRef))


def _piece(ref: ImageRef) -> object:
    piece = piece_of(ref, is_fast=True)
    return ref.uri if piece is None else piece[0]


def _fetched(refs: list[ImageRef]):
    if len(refs) == 1:
        return [fetch_image(refs[0], max_file_bytes=_LIMIT)]
    return fetch_together(refs, max_file_bytes=_LIMIT)


@dataclasses.dataclass(frozen=True)
class Copied:
    """A copy that was run.

    Attributes:
      code: Its exit code.
      counts: What became of the photos.
      report: The report of the newest plan, in order.
    """

    code: int
    counts: CopyCounts | None
    report: list[dict]

    @property
    def failures(self) -> dict[str, str]:
        """Why photos failed, by their URIs."""
        return {row["uri"]: row["reason"] for row in self.report if row["reason"]}


def copy_rows(rows, target, layout="files", *, schema=SCHEMA, **settings) -> Copied:
    """Copy rows without an engine, unit by unit."""
    folder = resolve_target(str(target))
    config = CopyingConfig(target=folder, layout=Layout(layout), **settings)
    plan = plan_copy(batches_of(rows, schema), schema, config)
    kept = folder_of_plan(folder, plan.id, "kept")
    units = [unit for file in plan.files for unit in units_of(kept, file)]
    assert len(units) == plan.units
    counts = CopyCounts.total(copy_unit(unit, config, plan.id) for unit in units)
    finish_copy(counts, plan, config)
    code = exit_code_of("musiq select", counts, plan, config)
    return Copied(code, counts, report_of(folder))


def run_copy(rows, target, layout="files", *engine: str, workers=1, **settings):
    """Copy rows by a job, as the command does."""
    folder = resolve_target(str(target))
    config = CopyingConfig(target=folder, layout=Layout(layout), **settings)
    job = copying_job("musiq select", config, EngineArguments(engine), is_quiet=True)
    batches = batches_of(rows, SCHEMA)
    code, counts = run_copying(job, batches, SCHEMA, config, workers=workers)
    return Copied(code, counts, report_of(folder))


def batches_of(rows, schema) -> list[pa.RecordBatch]:
    return pa.Table.from_pylist(rows, schema=schema).to_batches(max_chunksize=3)


def report_of(folder: str) -> list[dict]:
    """The report of a copy, all of its parts in order."""
    storage, rows = storage_for(folder), []
    for found in storage.list(f"{folder}/_copy/"):
        if "/report/" in found.uri:
            with storage.open_read(found.uri) as file:
                rows += pq.read_table(file).to_pylist()
    return rows


def files_below(folder: Path) -> dict[str, bytes]:
    """Copies by their names, without what the copy says of itself."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] != "_copy"
    }
