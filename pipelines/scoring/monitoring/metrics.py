"""The Beam metrics of the scoring job: names, units and meaning, in one place.

Beam takes a metric from the thread of a bundle alone; what other threads measure waits
in a `Stopwatch` until that thread reports it.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from apache_beam.metrics.metric import Metrics

from musiq_core.programs.scorer import ScorerStatistics
from pipelines.storage.retries import REPEATED
from schemas.ledger import LedgerRow

Item = TypeVar("Item")

NAMESPACE = "musiq"
PLANNED = "planned"
KEPT = "kept"
SCORED = "images_scored"
FAILED = "images_failed"
BYTES_READ = "bytes_read"
RETRIES = "retries"
TOKENS = "tokens"
COMPUTED_TOKENS = "computed_tokens"
COMPILATIONS = "compilations"
COUNTERS = {
    PLANNED: "images that are to be scored",
    KEPT: "images whose rows hold: taken over from the ledger or from a journal",
    SCORED: "images that were scored",
    FAILED: "images that failed; `failed_CLASS` has those of one class",
    BYTES_READ: "bytes of images that were fetched to be scored",
    RETRIES: "requests to a store that were made again",
    TOKENS: "tokens of the scored images, once for each model",
    COMPUTED_TOKENS: "tokens that models computed, padding included",
    COMPILATIONS: "programs that were compiled or taken from the compilation cache",
}

FETCH_MS = "fetch_ms"
DECODE_MS = "decode_ms"
SCORE_MS = "score_ms"
BATCH_FILL_PERCENT = "batch_fill_percent"
BUNDLE_IMAGES = "bundle_images"
DISTRIBUTIONS = {
    FETCH_MS: "milliseconds until an image's bytes were there or refused, retries and "
    "their waits included",
    DECODE_MS: "milliseconds that an image's file took to become patches, in its child",
    SCORE_MS: "milliseconds in which a batch held the scorer, by all models",
    BATCH_FILL_PERCENT: "percent of a batch's computed tokens that are images', not "
    "padding",
    BUNDLE_IMAGES: "images of a bundle that came to be scored",
}


def count_plan(*, planned: int = 0, kept: int = 0) -> None:
    """Count what planning decided."""
    Metrics.counter(NAMESPACE, PLANNED).inc(planned)
    Metrics.counter(NAMESPACE, KEPT).inc(kept)


def count_rows(rows: Sequence[LedgerRow]) -> None:
    """Count finished rows by status, and failed ones by failure class."""
    failed = [row.failure for row in rows if row.failure is not None]
    Metrics.counter(NAMESPACE, SCORED).inc(len(rows) - len(failed))
    Metrics.counter(NAMESPACE, FAILED).inc(len(failed))
    for failure in failed:
        Metrics.counter(NAMESPACE, f"failed_{failure.value}").inc()


def count_work(work: ScorerStatistics) -> None:
    """Count what the scorers did for a batch, summed over models."""
    Metrics.counter(NAMESPACE, TOKENS).inc(work.tokens)
    Metrics.counter(NAMESPACE, COMPUTED_TOKENS).inc(work.computed_tokens)
    Metrics.counter(NAMESPACE, COMPILATIONS).inc(work.compilations)
    if work.computed_tokens:
        fill = round(100 * work.tokens / work.computed_tokens)
        Metrics.distribution(NAMESPACE, BATCH_FILL_PERCENT).update(fill)


def count_bytes_read(size_bytes: int) -> None:
    """Count bytes of images that were fetched."""
    Metrics.counter(NAMESPACE, BYTES_READ).inc(size_bytes)


def count_bundle(images: int) -> None:
    """Tell how many images a bundle had."""
    Metrics.distribution(NAMESPACE, BUNDLE_IMAGES).update(images)


def count_retries() -> None:
    """Count the requests that this process has made again since the last call."""
    if repeated := REPEATED.take():
        Metrics.counter(NAMESPACE, RETRIES).inc(repeated)


class Stopwatch:
    """Measures in any thread what it takes; `report` tells Beam."""

    def __init__(self, name: str):
        self._distribution = Metrics.distribution(NAMESPACE, name)
        self._milliseconds: deque[int] = deque()

    @contextmanager
    def time(self) -> Iterator[None]:
        """Measure a block."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(time.perf_counter() - started)

    def each(self, items: Iterable[Item]) -> Iterator[Item]:
        """Measure how long each item takes to come."""
        started = time.perf_counter()
        for item in items:
            self.add(time.perf_counter() - started)
            yield item
            started = time.perf_counter()

    def add(self, seconds: float) -> None:
        """Take what was measured elsewhere."""
        self._milliseconds.append(round(1000 * seconds))

    def report(self) -> None:
        """Tell Beam what has been measured; for the bundle's thread."""
        while self._milliseconds:
            self._distribution.update(self._milliseconds.popleft())
