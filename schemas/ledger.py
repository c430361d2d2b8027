"""The ledger: a Parquet table with exactly one row for every distinct input."""

# PyArrow has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownArgumentType=false

import dataclasses
import datetime
import enum
import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from schemas.errors import MusiqError
from schemas.failures import Failure
from schemas.measures import FIGURES, Measures

SCHEMA_VERSION = 3
VERSION_KEY = b"musiq_ledger_version"
# Columns that were not in version 1. Readers find them null in older files.
SINCE_VERSION = {"shrink_factor": 2, "vanished": 2, "icc": 3}
_TIME = pa.timestamp("us", tz="UTC")

_BEFORE_CARRIED = [
    pa.field("uri", pa.string(), nullable=False),
    pa.field("key", pa.string(), nullable=False),
]
_AFTER_CARRIED = [
    pa.field("size_bytes", pa.int64()),
    pa.field("generation", pa.string()),
    pa.field("modified_at", _TIME),
    pa.field("sha256", pa.string()),
    pa.field("format", pa.string()),
    pa.field("width", pa.int32()),
    pa.field("height", pa.int32()),
    pa.field("frames", pa.int32()),
    pa.field("orientation", pa.int8()),
    pa.field("icc", pa.string()),
    pa.field("status", pa.string(), nullable=False),
    pa.field("failure", pa.string()),
    pa.field("failure_detail", pa.string()),
    pa.field("transient", pa.bool_()),
]
_LAST = [
    pa.field("tokens", pa.int32()),
    pa.field("shrink_factor", pa.float32()),
    pa.field("vanished", pa.bool_()),
    pa.field("run_id", pa.string(), nullable=False),
    pa.field("scored_at", _TIME),
]
_OF_MEASURES = [
    *(pa.field(f"measure_{name}", pa.float32()) for name in FIGURES),
    pa.field("pdq_hash", pa.binary()),
    pa.field("pdq_quality", pa.int16()),
]
_OF_A_RUN = {"vanished", "run_id", "scored_at"}
_RESERVED_PREFIX = "musiq_"
OWN_FIELDS = (*_BEFORE_CARRIED, *_AFTER_CARRIED, *_LAST)
RESERVED_COLUMNS = frozenset(field.name for field in OWN_FIELDS)
MEASURE_COLUMNS = tuple(field.name for field in _OF_MEASURES)


class Status(enum.StrEnum):
    """What became of an input; the ledger's `status` column."""

    SCORED = "scored"
    FAILED = "failed"


class LedgerError(MusiqError, ValueError):
    """Columns that cannot be part of a ledger."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """What one model says of one image.

    Attributes:
      value: The score in the model's own range; the mean for distribution heads.
      std: Standard deviation of the distribution, None for score heads.
      distribution: Probability of 1..n, None for score heads.
    """

    value: float
    std: float | None = None
    distribution: tuple[float, ...] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LedgerModel:
    """One scoring model as the ledger's columns show it.

    Attributes:
      name: The columns are `musiq_<name>` and so on.
      digest: SHA-256 of the model file.
      has_distribution: Whether std and distribution columns exist.
    """

    name: str
    digest: str
    has_distribution: bool

    @property
    def column(self) -> str:
        """Name of the score's column."""
        return f"{_RESERVED_PREFIX}{self.name}"

    def fields(self) -> list[pa.Field]:
        """Return the columns of this model, in order."""
        score = [pa.field(self.column, pa.float32())]
        if self.has_distribution:
            score += [
                pa.field(f"{self.column}_std", pa.float32()),
                pa.field(f"{self.column}_distribution", pa.list_(pa.float32())),
            ]
        return [*score, pa.field(f"{self.column}_model", pa.string())]

    def values(self, score: Score | None) -> dict[str, Any]:
        """Return the column values of one image; all null when it was not scored."""
        if score is None:
            return {}
        return {
            self.column: score.value,
            f"{self.column}_std": score.std,
            f"{self.column}_distribution": score.distribution,
            f"{self.column}_model": self.digest,
        }


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LedgerRow:
    """One input and what became of it.

    Attributes:
      uri: Where the image lies; unique in a ledger.
      key: The image's name as the input gave it.
      carried: Values of the carried columns that its layout has.
      layout: Digest of what those are; empty if nothing is carried.
      size_bytes: Size of the file.
      generation: The store's version of the object that was read.
      modified_at: When the store last changed it, UTC.
      sha256: Digest of the bytes that were decoded.
      format: Such as "JPEG".
      width: Pixels, upright.
      height: Pixels, upright.
      frames: Pictures in the file; the first is scored.
      orientation: EXIF orientation, 1 to 8.
      icc: Name of the colour profile, or its digest; None if there is none.
      failure: Why there is no score; None if there is one.
      failure_detail: One sentence about the failure.
      scores: One for each model in order; empty when not scored.
      tokens: Tokens of the image in the longest of the models' sequences.
      shrink_factor: Side of the photo as scored over its side in the file; 1 unless it
        had more tokens than the run allows.
      measures: What was measured; None if that was not asked for, or it failed.
      failed_before: Whether the ledger as last published has it as failed; no column.
    """

    uri: str
    key: str
    carried: tuple[Any, ...] = ()
    layout: str = ""
    size_bytes: int | None = None
    generation: str | None = None
    modified_at: datetime.datetime | None = None
    sha256: str | None = None
    format: str | None = None
    width: int | None = None
    height: int | None = None
    frames: int | None = None
    orientation: int | None = None
    icc: str | None = None
    failure: Failure | None = None
    failure_detail: str | None = None
    scores: tuple[Score, ...] = ()
    tokens: int | None = None
    shrink_factor: float | None = None
    measures: Measures | None = None
    failed_before: bool = False

    @property
    def status(self) -> Status:
        """Scored, or failed with a reason."""
        return Status.SCORED if self.failure is None else Status.FAILED

    def failed(self, failure: Failure, detail: str) -> "LedgerRow":
        """Return this row as a failure, without scores and measures."""
        return dataclasses.replace(
            self, failure=failure, failure_detail=detail, scores=(), measures=None
        )


def is_reserved(name: str) -> bool:
    """Whether a carried column must not have this name, in capital letters or not."""
    name = name.lower()
    is_own = name in RESERVED_COLUMNS or name in MEASURE_COLUMNS
    return is_own or name.startswith(_RESERVED_PREFIX)


def ledger_schema(
    carried: Sequence[pa.Field],
    models: Sequence[LedgerModel],
    *,
    is_measured: bool = False,
) -> pa.Schema:
    """Return the ledger's schema.

    Args:
      carried: Columns carried along from the inputs.
      models: The scoring models, in the order of `LedgerRow.scores`.
      is_measured: Whether measures have columns, behind those of the models.

    Raises:
      LedgerError: If a carried column or two models would share a name.
    """
    for field in carried:
        if is_reserved(field.name):
            raise LedgerError(
                f"input column {field.name!r} has the name of a ledger column; rename "
                "it in the input"
            )
    columns = [field for model in models for field in model.fields()]
    columns += _OF_MEASURES if is_measured else []
    fields = [*_BEFORE_CARRIED, *carried, *_AFTER_CARRIED, *columns, *_LAST]
    names = Counter(field.name.lower() for field in fields)
    if repeated := [field.name for field in fields if names[field.name.lower()] > 1]:
        raise LedgerError(
            f"ledger columns would repeat: {', '.join(sorted(set(repeated)))}"
        )
    return pa.schema(fields, metadata={VERSION_KEY: str(SCHEMA_VERSION).encode()})


def shard_of(uri: str, shard_count: int) -> int:
    """Return the shard of a URI: the same on every machine and in every run.

    Shard counts are powers of two, so a shard of one count is made of whole shards of a
    larger one, or is part of one shard of a smaller one.
    """
    digest = hashlib.sha256(uri.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % shard_count


def rows_to_table(
    rows: Sequence[LedgerRow],
    *,
    carried: pa.Table | None = None,
    models: Sequence[LedgerModel],
    run_id: str,
    run_started_at: datetime.datetime,
    is_measured: bool = False,
) -> pa.Table:
    """Return rows as a table with the schema of `ledger_schema`.

    Args:
      rows: Rows whose `scores` follow `models`.
      carried: Columns carried along from the inputs, a row for each of `rows`.
      models: The scoring models.
      run_id: The run that made the rows.
      run_started_at: UTC; it fills `scored_at`, so that a retried write of the same
        rows gives the same bytes.
      is_measured: Whether measures have columns.
    """
    fields = list(carried.schema) if carried is not None else []
    schema = ledger_schema(fields, models, is_measured=is_measured)
    known = dict(zip(fields, carried.columns, strict=True)) if carried else {}
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    for row in rows:
        values = _row_values(row, models)
        values["run_id"] = run_id
        values["scored_at"] = None if row.failure else run_started_at
        for name, column in columns.items():
            column.append(values.get(name))
    arrays = [
        known[field] if field in known else pa.array(columns[field.name], field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def image_columns(
    row: LedgerRow, *, models: Sequence[LedgerModel], is_measured: bool = False
) -> dict[str, Any]:
    """Return all that a ledger says of an image, by column; nothing of the run.

    Args:
      row: A row whose `scores` follow `models`.
      models: The scoring models.
      is_measured: Whether measures are said.
    """
    values = _row_values(row, models)
    names = ledger_schema((), models, is_measured=is_measured).names
    return {name: values.get(name) for name in names if name not in _OF_A_RUN}


def _row_values(row: LedgerRow, models: Sequence[LedgerModel]) -> dict[str, Any]:
    """Return the row's values by column name, but for what it carries."""
    values: dict[str, Any] = {
        name: getattr(row, name) for name in RESERVED_COLUMNS if hasattr(row, name)
    }
    values["status"] = row.status.value
    values["failure"] = row.failure.value if row.failure else None
    values["transient"] = row.failure.is_transient if row.failure else None
    values["vanished"] = False
    if row.measures:
        told = dataclasses.asdict(row.measures)
        columns = (name.removeprefix("measure_") for name in MEASURE_COLUMNS)
        values |= dict(zip(MEASURE_COLUMNS, map(told.get, columns), strict=True))
    for index, model in enumerate(models):
        values |= model.values(row.scores[index] if row.scores else None)
    return values
