"""Report: what became of each photo, one row for each, and of all of them."""

import dataclasses
import enum
import io
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.failures import Failure, ImageFailure

REPORT_SCHEMA = pa.schema(
    [
        pa.field("uri", pa.string(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
    ]
)


class CopyStatus(enum.StrEnum):
    """What became of a photo."""

    COPIED = "copied"
    ALREADY_THERE = "already_there"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CopyRow:
    """One photo and what became of it.

    Attributes:
      uri: The photo.
      target: Its copy below the folder; in shards its member is `SHARD#MEMBER`.
      status: What became of it.
      reason: Why it failed; None if it has not.
    """

    uri: str
    target: str
    status: CopyStatus
    reason: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class CopyCounts:
    """How many photos were kept, and what became of them.

    Attributes:
      kept: All of them.
      copied: Copied by this run.
      already_there: Found where they were to be, with the digest that was scored.
      failed: Neither, each with its reason in the report.
      reasons: How many failed, by the first word of the reason.
    """

    kept: int = 0
    copied: int = 0
    already_there: int = 0
    failed: int = 0
    reasons: dict[str, int] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[CopyRow]) -> "CopyCounts":
        """Count rows."""
        counts = {status: 0 for status in CopyStatus}
        reasons: dict[str, int] = {}
        for row in rows:
            counts[row.status] += 1
            if row.reason:
                word = row.reason.partition(":")[0]
                reasons[word] = reasons.get(word, 0) + 1
        return cls(
            kept=sum(counts.values()),
            copied=counts[CopyStatus.COPIED],
            already_there=counts[CopyStatus.ALREADY_THERE],
            failed=counts[CopyStatus.FAILED],
            reasons=dict(sorted(reasons.items())),
        )

    @classmethod
    def total(cls, parts: Iterable["CopyCounts"]) -> "CopyCounts":
        """Add counts up."""
        parts = list(parts)
        reasons: dict[str, int] = {}
        for part in parts:
            for word, count in part.reasons.items():
                reasons[word] = reasons.get(word, 0) + count
        return cls(
            kept=sum(part.kept for part in parts),
            copied=sum(part.copied for part in parts),
            already_there=sum(part.already_there for part in parts),
            failed=sum(part.failed for part in parts),
            reasons=dict(sorted(reasons.items())),
        )


def failed_row(uri: str, target: str, failure: ImageFailure) -> CopyRow:
    """Return the row of a photo that was not copied."""
    reason = f"{failure.failure}: {failure.detail}"
    return CopyRow(uri=uri, target=target, status=CopyStatus.FAILED, reason=reason)


def taken_by_another() -> ImageFailure:
    """Return why a photo is not copied onto what lies under its name."""
    return ImageFailure(
        Failure.CHANGED, "another file has its name in the target; it was left alone"
    )


def report_file(rows: Sequence[CopyRow]) -> bytes:
    """Return a part of the report as Parquet."""
    table = pa.Table.from_pylist([dataclasses.asdict(r) for r in rows], REPORT_SCHEMA)
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()
