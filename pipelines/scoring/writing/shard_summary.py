"""What publishing needs to know of a written shard; its rows stay where they are."""

import dataclasses
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from pipelines.scoring.planning.plan import KeptRow
from pipelines.scoring.writing.score_quantiles import ScoreSample, sample_scores
from schemas.delta.stats import file_stats
from schemas.ledger import LedgerModel, LedgerRow, Status
from schemas.manifest import LedgerFile

_IN_STATS = ("uri", "status", "tokens")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardSummary:
    """What publishing needs to know of one written shard.

    Attributes:
      file: The Parquet file.
      scored: Rows that this run scored.
      new_failures: Rows that failed in this run, by failure class.
      kept: Rows of listed inputs taken over from the ledger as last published, or from
        a journal.
      vanished: Rows taken over from the ledger whose inputs are no longer named.
      unpublished: Rows that no state of the ledger had before, new or journalled, but
        for those of images that the last state has as failed.
      unpublished_failures: Failed rows among those, by failure class.
      failures: All failed rows of the shard by failure class.
      samples: All scores of each model, thinned out evenly if there are many.
      stats: What the commit says of the file's rows.
    """

    file: LedgerFile
    scored: int
    new_failures: dict[str, int]
    kept: int
    vanished: int
    unpublished: int
    unpublished_failures: dict[str, int]
    failures: dict[str, int]
    samples: dict[str, ScoreSample]
    stats: str


def summary_of(
    rows: Sequence[LedgerRow | KeptRow],
    table: pa.Table,
    *,
    file: LedgerFile,
    shard_count: int,
    models: Sequence[LedgerModel],
) -> ShardSummary:
    """Return the summary of a shard.

    Args:
      rows: What it was made of.
      table: What was written.
      file: Where.
      shard_count: Shards of the run.
      models: The scoring models.
    """
    new = [row for row in rows if isinstance(row, LedgerRow)]
    kept = [row for row in rows if isinstance(row, KeptRow)]
    unpublished = {
        row.uri
        for row in rows
        if (isinstance(row, LedgerRow) or row.journalled) and not row.failed_before
    }
    uris = table.column("uri").to_pylist()
    failures = table.column("failure").to_pylist()
    return ShardSummary(
        file=file,
        scored=sum(row.status is Status.SCORED for row in new),
        new_failures=Counter(row.failure.value for row in new if row.failure),
        kept=sum(not row.is_vanished for row in kept),
        vanished=sum(row.is_vanished for row in kept),
        unpublished=len(unpublished),
        unpublished_failures=Counter(
            failure
            for uri, failure in zip(uris, failures, strict=True)
            if failure and uri in unpublished
        ),
        failures=Counter(filter(None, failures)),
        samples={
            model.name: sample_scores(
                table.column(model.column).drop_null().to_numpy(),
                shard_count=shard_count,
            )
            for model in models
        },
        stats=file_stats(table, [*_IN_STATS, *(model.column for model in models)]),
    )
