"""The Beam counters of the scoring job, named in one place."""

from collections.abc import Sequence

from apache_beam.metrics.metric import Metrics

from musiq_core.programs.scorer import ScorerStatistics
from schemas.ledger import LedgerRow

NAMESPACE = "musiq"
SCORED = "images_scored"
FAILED = "images_failed"
TOKENS = "tokens"
COMPUTED_TOKENS = "computed_tokens"
COMPILATIONS = "compilations"


def count_rows(rows: Sequence[LedgerRow]) -> None:
    """Count finished rows by status, and failed ones by failure class."""
    failed = [row.failure for row in rows if row.failure is not None]
    Metrics.counter(NAMESPACE, SCORED).inc(len(rows) - len(failed))
    Metrics.counter(NAMESPACE, FAILED).inc(len(failed))
    for failure in failed:
        Metrics.counter(NAMESPACE, f"failed_{failure.value}").inc()


def count_work(work: ScorerStatistics) -> None:
    """Count what the scorers did, summed over models."""
    Metrics.counter(NAMESPACE, TOKENS).inc(work.tokens)
    Metrics.counter(NAMESPACE, COMPUTED_TOKENS).inc(work.computed_tokens)
    Metrics.counter(NAMESPACE, COMPILATIONS).inc(work.compilations)
