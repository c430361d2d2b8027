"""Write: ledger rows become one Parquet file a shard, by hash of the URI."""

import dataclasses
import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Iterator

import apache_beam as beam
import pyarrow.parquet as pq

from pipelines.scoring.config import ScoringConfig
from pipelines.scoring.score_quantiles import ScoreSample, sample_scores
from pipelines.storage import join, storage_for
from schemas.ledger import LedgerRow, Status, rows_to_table
from schemas.manifest import LedgerFile


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardSummary:
    """What publishing needs to know of one written shard.

    Attributes:
      file: The Parquet file.
      scored: Rows with scores.
      failures: Failed rows by failure class.
      samples: Scores of each model, thinned out evenly if there are many.
    """

    file: LedgerFile
    scored: int
    failures: dict[str, int]
    samples: dict[str, ScoreSample]


def shard_of(uri: str, shard_count: int) -> int:
    """Return the shard of a URI: the same on every machine and in every run."""
    digest = hashlib.sha256(uri.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % shard_count


def shard_count_for(listed: int, rows_per_shard: int) -> int:
    """Return how many shards hold `listed` rows."""
    return max(1, -(-listed // rows_per_shard))


def write_shard(
    rows: Iterable[LedgerRow], *, shard: int, shard_count: int, config: ScoringConfig
) -> ShardSummary:
    """Write one shard; the same rows give the same file, so a retry changes nothing.

    Args:
      rows: The shard's rows, in any order; they are written in order of URI.
      shard: Number of the shard, below `shard_count`.
      shard_count: Shards of the run.
      config: The run.

    Raises:
      StorageError: If the file cannot be written whole.
    """
    ordered = sorted(rows, key=lambda row: row.uri)
    table = rows_to_table(
        ordered,
        carried=config.carried,
        models=config.ledger_models,
        run_id=config.run_id,
        run_started_at=config.started_at,
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", row_group_size=10_000)
    data = buffer.getvalue()
    path = f"runs/{config.run_id}/part-{shard:05d}-of-{shard_count:05d}.parquet"
    uri = join(config.output, path)
    storage_for(uri).write(uri, data)
    scored = [row for row in ordered if row.status is Status.SCORED]
    return ShardSummary(
        file=LedgerFile(
            path=path,
            rows=len(ordered),
            size_bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        ),
        scored=len(scored),
        failures=Counter(row.failure.value for row in ordered if row.failure),
        samples={
            model.name: sample_scores([row.scores[index].value for row in scored])
            for index, model in enumerate(config.ledger_models)
        },
    )


class WriteShard(beam.DoFn):
    """`write_shard` for every group of rows."""

    def __init__(self, config: ScoringConfig):
        self._config = config

    def process(
        self, element: tuple[int, Iterable[LedgerRow]], listed: int
    ) -> Iterator[ShardSummary]:
        """Emit the summary of the written shard."""
        shard, rows = element
        shard_count = shard_count_for(listed, self._config.rows_per_shard)
        yield write_shard(
            rows, shard=shard, shard_count=shard_count, config=self._config
        )
