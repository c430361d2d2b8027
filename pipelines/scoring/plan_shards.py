"""Plan, the step: what an inputs' shard meets in the ledger, read and decided upon."""

from collections.abc import Iterable, Iterator
from typing import Literal

from apache_beam.pvalue import TaggedOutput

from pipelines.dofns import BundleDoFn
from pipelines.scoring.carried.columns import CarriedColumns
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.look_up import look_up_known
from pipelines.scoring.plan import (
    JournalEntry,
    KeptRow,
    PlanCounts,
    RetryFailed,
    Vanished,
    plan_shard,
)
from pipelines.scoring.previous_state import (
    KnownRow,
    PreviousState,
    count_known_rows,
    read_known_rows,
)
from pipelines.scoring.progress import ProgressCounter

KEPT = "kept"
COUNTS = "counts"
_FIRST_PLAN_SHARDS = 64
_SORTED_TOGETHER = 4096


def plan_shard_count(previous: PreviousState | None) -> int:
    """Return into how many parts the inputs are divided for planning."""
    return previous.shard_count if previous else _FIRST_PLAN_SHARDS


class PlanShard(BundleDoFn):
    """`plan_shard` for every shard; refs to score go on in sorted runs.

    The embedded engine deals what it gets to its workers in turn, so that of files of
    nearly one size each gets one, the largest first, and they end together.

    Kept rows go to the output `KEPT`, a `PlanCounts` to `COUNTS`: it is counted from
    what arrives here, so that inputs which get lost on their way do not pass for
    repeats, nor rows that do for dropped ones, when the run checks its counts.
    """

    def __init__(
        self,
        *,
        previous: PreviousState | None,
        retry_failed: RetryFailed,
        vanished: Vanished,
        progress_folder: str | None,
    ):
        self._previous = previous
        self._retry_failed = retry_failed
        self._vanished = vanished
        self._progress_folder = progress_folder

    def setup(self):
        """Open this worker's progress file."""
        self._progress = ProgressCounter(self._progress_folder)

    def start_bundle(self):
        """Start with no refs waiting to be sorted."""
        self._to_score: list[ImageRef] = []

    def process(
        self,
        element: tuple[int, Iterable[ImageRef | JournalEntry | None]],
        columns: CarriedColumns,
    ) -> Iterator[
        ImageRef
        | TaggedOutput[Literal["kept"], KeptRow]
        | TaggedOutput[Literal["counts"], PlanCounts]
    ]:
        """Emit the refs to score and, tagged, the kept rows and the counts.

        Args:
          element: A shard and what falls into it. None stands for nothing: it makes
            sure that shards are visited of which every input has vanished.
          columns: Only waited for: nothing is scored before they are known.
        """
        shard, values = element
        refs: list[ImageRef] = []
        journal: list[JournalEntry] = []
        for value in values:
            if isinstance(value, ImageRef):
                refs.append(value)
            elif value is not None:
                journal.append(value)
        known = self._read_known_rows(shard, is_named=bool(refs))
        decision = plan_shard(
            look_up_known(refs, known.keys() | {entry.uri for entry in journal}),
            journal,
            known,
            published=count_known_rows(self._previous, shard),
            retry_failed=self._retry_failed,
            vanished=self._vanished,
        )
        for row in decision.kept:
            yield TaggedOutput(KEPT, row)
        yield TaggedOutput(COUNTS, decision.counts)
        self._progress.plan(len(decision.to_score))
        self._to_score += decision.to_score
        if len(self._to_score) >= _SORTED_TOGETHER:
            yield from self.drain()

    def drain(self) -> Iterator[ImageRef]:
        """Yield the refs still waiting, the largest first."""
        refs, self._to_score = self._to_score, []
        yield from sorted(refs, key=_size_bytes, reverse=True)

    def _read_known_rows(self, shard: int, *, is_named: bool) -> dict[str, KnownRow]:
        """Read the shard of the ledger, unless it is dropped as a whole."""
        if self._previous and (is_named or self._vanished is Vanished.MARK):
            return read_known_rows(self._previous, shard)
        return {}


def _size_bytes(ref: ImageRef) -> int:
    return ref.size_bytes or 0
