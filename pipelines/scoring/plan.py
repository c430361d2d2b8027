"""Plan: which inputs must be scored, and which rows of the ledger still hold."""

import dataclasses
import enum
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Literal

from apache_beam.pvalue import TaggedOutput

from pipelines.dofns import BundleDoFn
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.look_up import look_up
from pipelines.scoring.previous_state import (
    KnownRow,
    PreviousState,
    previous_files,
    read_known_rows,
)
from pipelines.scoring.progress import ProgressCounter
from schemas.ledger import Status

KEPT = "kept"
COUNTS = "counts"
_FIRST_PLAN_SHARDS = 64
_SORTED_TOGETHER = 4096


class RetryFailed(enum.StrEnum):
    """Which failed rows are tried again although their files have not changed."""

    TRANSIENT = "transient"
    ALL = "all"
    NONE = "none"


class Vanished(enum.StrEnum):
    """What becomes of rows whose inputs are no longer named."""

    DROP = "drop"
    MARK = "mark"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class KeptRow:
    """An input whose row is taken over, and what the input says anew.

    Attributes:
      uri: The input.
      key: Its name as the input gives it; empty if it vanished.
      carried: Values of the carried columns; empty if it vanished.
      journal: The journal file that holds the row; None means the ledger.
      is_vanished: Whether no input names it any more; its row stays as it was.
    """

    uri: str
    key: str = ""
    carried: tuple[Any, ...] = ()
    journal: str | None = None
    is_vanished: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class JournalEntry:
    """A row that an unfinished run has left behind, and the file that holds it."""

    uri: str
    journal: str
    row: KnownRow


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PlanCounts:
    """What planning met, to be compared with what is written in the end.

    Attributes:
      repeats: Inputs that named an image again.
      published: Rows of the ledger as last published.
      vanished: Rows among them whose inputs are no longer named.
    """

    repeats: int = 0
    published: int = 0
    vanished: int = 0


def add_counts(counts: Iterable[PlanCounts]) -> PlanCounts:
    """Return the counts of several shards together."""
    counts = list(counts)
    return PlanCounts(
        repeats=sum(one.repeats for one in counts),
        published=sum(one.published for one in counts),
        vanished=sum(one.vanished for one in counts),
    )


def plan_shard_count(previous: PreviousState | None) -> int:
    """Return into how many parts the inputs are divided for planning."""
    return previous.shard_count if previous else _FIRST_PLAN_SHARDS


def plan_refs(
    refs: Iterable[ImageRef | JournalEntry],
    known: dict[str, KnownRow],
    retry_failed: RetryFailed,
) -> Iterator[ImageRef | KeptRow]:
    """Decide for every distinct URI, once.

    Args:
      refs: Inputs and journal entries in any order; of repeated inputs, the one named
        first counts.
      known: Rows of the ledger by URI.
      retry_failed: Which failed rows are tried again.

    Yields:
      The refs to score, and a `KeptRow` for each row that still holds. A journal is
      newer than the ledger, so its rows are looked at first.
    """
    first: dict[str, ImageRef] = {}
    journalled: dict[str, list[JournalEntry]] = {}
    for ref in refs:
        if isinstance(ref, JournalEntry):
            journalled.setdefault(ref.uri, []).append(ref)
        elif ref.uri not in first or ref.order < first[ref.uri].order:
            first[ref.uri] = ref
    for ref in first.values():
        rows: list[tuple[KnownRow | None, str | None]] = [
            *((entry.row, entry.journal) for entry in journalled.get(ref.uri, ())),
            (known.get(ref.uri), None),
        ]
        for row, journal in rows:
            if row is not None and still_holds(row, ref, retry_failed):
                yield KeptRow(
                    uri=ref.uri, key=ref.key, carried=ref.carried, journal=journal
                )
                break
        else:
            yield ref


def vanished_rows(named: Collection[str], known: Iterable[str]) -> Iterator[KeptRow]:
    """Yield, to be marked, the rows of the ledger whose inputs are no longer named."""
    for uri in known:
        if uri not in named:
            yield KeptRow(uri=uri, is_vanished=True)


def still_holds(row: KnownRow, ref: ImageRef, retry_failed: RetryFailed) -> bool:
    """Whether a row of the ledger is what scoring its input again would give."""
    if ref.refusal is not None or ref.listed is None:
        return False
    if row.status == Status.FAILED and (
        retry_failed is RetryFailed.ALL
        or (retry_failed is RetryFailed.TRANSIENT and row.transient)
    ):
        return False
    is_size_known = ref.size_bytes is not None
    return row.generation == ref.listed.generation and (
        row.size_bytes == ref.size_bytes or not is_size_known
    )


def look_up_known(
    refs: Sequence[ImageRef | JournalEntry], known: Collection[str]
) -> list[ImageRef | JournalEntry]:
    """Look up those inputs whose rows may still hold and that no listing told of."""
    known_uris = {ref.uri for ref in refs if isinstance(ref, JournalEntry)}.union(known)
    unlisted, others = [], []
    for ref in refs:
        is_open = isinstance(ref, ImageRef) and not (ref.listed or ref.refusal)
        (unlisted if is_open and ref.uri in known_uris else others).append(ref)
    return [*others, *look_up(unlisted)]


class PlanShard(BundleDoFn):
    """`plan_refs` for the inputs of one shard; refs to score go on in sorted runs.

    The embedded engine deals what it gets to its workers in turn, so that of files of
    nearly one size each gets one, the largest first, and they end together.

    Kept rows go to the output `KEPT`, and so do those of vanished inputs if they are
    to be marked. A `PlanCounts` goes to `COUNTS`: it is counted from what arrives here,
    so that inputs which get lost on their way do not pass for repeats, nor rows that do
    for dropped ones, when the run checks its counts.
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
        self, element: tuple[int, Iterable[ImageRef | JournalEntry | None]]
    ) -> Iterator[
        ImageRef
        | TaggedOutput[Literal["kept"], KeptRow]
        | TaggedOutput[Literal["counts"], PlanCounts]
    ]:
        """Emit the refs to score and, tagged, the kept rows and the counts.

        Args:
          element: A shard and what falls into it. None stands for nothing: it makes
            sure that shards are visited of which every input has vanished.
        """
        shard, values = element
        refs = [value for value in values if value is not None]
        named = {ref.uri for ref in refs if isinstance(ref, ImageRef)}
        known = self._read_known_rows(shard, named)
        refs = look_up_known(refs, known)
        to_score, kept = [], 0
        for planned in plan_refs(refs, known, self._retry_failed):
            if isinstance(planned, KeptRow):
                kept += 1
                yield TaggedOutput(KEPT, planned)
            else:
                to_score.append(planned)
        mentions = sum(isinstance(ref, ImageRef) for ref in refs)
        published = self._published_rows(shard)
        counts = PlanCounts(
            repeats=mentions - kept - len(to_score),
            published=published,
            vanished=published - len(named & known.keys()),
        )
        yield TaggedOutput(COUNTS, counts)
        if self._vanished is Vanished.MARK:
            for row in vanished_rows(named, known):
                yield TaggedOutput(KEPT, row)
        self._progress.plan(len(to_score))
        self._to_score += to_score
        if len(self._to_score) >= _SORTED_TOGETHER:
            yield from self.drain()

    def drain(self) -> Iterator[ImageRef]:
        """Yield the refs still waiting, the largest first."""
        refs, self._to_score = self._to_score, []
        yield from sorted(refs, key=_size_bytes, reverse=True)

    def _read_known_rows(self, shard: int, named: set[str]) -> dict[str, KnownRow]:
        """Read the shard of the ledger, unless it is dropped as a whole."""
        if self._previous and (named or self._vanished is Vanished.MARK):
            return read_known_rows(self._previous, shard)
        return {}

    def _published_rows(self, shard: int) -> int:
        if not self._previous:
            return 0
        files = previous_files(self._previous, shard, self._previous.shard_count)
        return sum(file.rows for file in files)


def _size_bytes(ref: ImageRef) -> int:
    return ref.size_bytes or 0
