"""Plan, the step: what an inputs' shard meets in the ledger, read and decided upon."""

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from apache_beam.pvalue import TaggedOutput

from pipelines.dofns import BundleDoFn
from pipelines.scoring.carried.columns import CarriedColumns
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.monitoring.metrics import count_plan
from pipelines.scoring.monitoring.progress import ProgressCounter
from pipelines.scoring.planning.first_images import FIRST_IMAGES
from pipelines.scoring.planning.look_up import look_up_known
from pipelines.scoring.planning.lost_shards import ShardTally
from pipelines.scoring.planning.plan import (
    ContentCheck,
    JournalEntry,
    KeptRow,
    PlanCounts,
    RetryFailed,
    Vanished,
    plan_shard,
)
from pipelines.scoring.planning.previous_state import KnownRows, PreviousState
from pipelines.scoring.run import Run

KEPT = "kept"
COUNTS = "counts"
TO_CHECK = "to_check"
_PARTS_HERE = 32
PARTS_OF_MANY = 1024
_SORTED_TOGETHER = 4096


def plan_shard_count(run: Run) -> int:
    """Return into how many parts the inputs are divided for planning, a power of two.

    A worker holds one part at a time. The ledger's size says nothing of that of the
    inputs: the run before may have been a trial. How many they are is not known before
    all are listed, so it goes by the most that an engine can have: a million in one
    graph on one machine, a thousand times as many on a cluster.
    """
    least = _PARTS_HERE if run.progress_folder else PARTS_OF_MANY
    return max(least, run.previous.shard_count if run.previous else 0)


class PlanShard(BundleDoFn):
    """`plan_shard` for every shard; refs to score go on as `in_order` has them.

    Kept rows go to the output `KEPT`, images whose content decides to `TO_CHECK`, and a
    `PlanCounts` to `COUNTS`: it is counted from what arrives here, so that inputs which
    get lost on their way do not pass for repeats, nor rows that do for dropped ones,
    when the run checks its counts.
    """

    def __init__(
        self,
        *,
        previous: PreviousState | None,
        part_count: int,
        retry_failed: RetryFailed,
        vanished: Vanished,
        verify_content: bool = False,
        progress_folder: str | None,
    ):
        self._previous = previous
        self._part_count = part_count
        self._is_reusable = previous is not None and previous.is_reusable
        self._retry_failed = retry_failed
        self._vanished = vanished if self._is_reusable else Vanished.DROP
        self._verify_content = verify_content
        self._progress_folder = progress_folder

    @classmethod
    def of(cls, run: Run, part_count: int) -> "PlanShard":
        """Return the step that plans a run in so many parts."""
        return cls(
            previous=run.previous,
            part_count=part_count,
            retry_failed=run.asked.retry_failed,
            vanished=run.limits.vanished,
            verify_content=run.asked.verify_content,
            progress_folder=run.progress_folder,
        )

    def setup(self):
        """Open this worker's progress file, and what reads the ledger."""
        self._progress = ProgressCounter(self._progress_folder)
        self._known = KnownRows(
            self._previous, self._part_count, with_digest=self._verify_content
        )

    def start_bundle(self):
        """Start with no refs waiting to be sorted."""
        self._to_score: list[ImageRef] = []
        self._is_first = True

    def process(
        self,
        element: tuple[int, Iterable[ImageRef | JournalEntry | None]],
        shards: ShardTally,
        columns: CarriedColumns,
    ) -> Iterator[
        ImageRef
        | TaggedOutput[Literal["kept"], KeptRow]
        | TaggedOutput[Literal["to_check"], ContentCheck]
        | TaggedOutput[Literal["counts"], PlanCounts]
    ]:
        """Emit the refs to score and, tagged, the kept rows and the counts.

        Args:
          element: A shard and what falls into it. None stands for nothing: it makes
            sure that shards are visited of which every input has vanished.
          shards: The files of images that were listed.
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
        known = self._known.of(shard)
        may_hold = {entry.uri for entry in journal}
        may_hold |= known.keys() if self._is_reusable else set()
        decision = plan_shard(
            look_up_known(refs, may_hold),
            journal,
            known,
            retry_failed=self._retry_failed,
            vanished=self._vanished,
            verify_content=self._verify_content,
            lost={one.uri for one in shards.lost},
        )
        for row in decision.kept:
            yield TaggedOutput(KEPT, row)
        for check in decision.to_check:
            yield TaggedOutput(TO_CHECK, check)
        yield TaggedOutput(COUNTS, decision.counts)
        count_plan(
            planned=len(decision.to_score),
            kept=sum(not row.is_vanished for row in decision.kept),
        )
        self._progress.plan(len(decision.to_score))
        self._to_score += decision.to_score
        if len(self._to_score) >= _SORTED_TOGETHER:
            yield from self.drain()

    def drain(self) -> Iterator[ImageRef]:
        """Yield the refs still waiting."""
        refs, self._to_score = self._to_score, []
        yield from in_order(refs, has_sample=self._is_first)
        self._is_first = False


def in_order(refs: Sequence[ImageRef], *, has_sample: bool) -> list[ImageRef]:
    """Return refs in the order in which they are best scored: the largest first.

    The embedded engine deals what it gets to its workers in turn, so that of files of
    nearly one size each gets one, the largest first, and they end together.

    Args:
      refs: The refs.
      has_sample: Whether, of many, a part that chance chooses goes before all others:
        what becomes of the first images then tells what becomes of all.
    """
    refs = list(refs)
    first = 0
    if has_sample and len(refs) > FIRST_IMAGES:
        random.Random(len(refs)).shuffle(refs)
        first = max(2 * FIRST_IMAGES, len(refs) // 4)
    return [*refs[:first], *sorted(refs[first:], key=_size_bytes, reverse=True)]


def _size_bytes(ref: ImageRef) -> int:
    return ref.size_bytes or 0
