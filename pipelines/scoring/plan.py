"""Plan: which inputs must be scored, and which rows of the ledger still hold."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipelines.scoring.config import RetryFailed, Vanished
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.previous_state import KnownRow
from schemas.ledger import Status


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class KeptRow:
    """An input whose row is taken over, and what the input says anew.

    Attributes:
      uri: The input.
      key: Its name as the input gives it; empty if it vanished.
      carried: Values of the carried columns that its layout has.
      layout: Digest of what those are; empty if nothing is carried, or it vanished.
      journal: The journal file that holds the row; None means the ledger.
      is_vanished: Whether no input names it any more; its row stays as it was.
    """

    uri: str
    key: str = ""
    carried: tuple[Any, ...] = ()
    layout: str = ""
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


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ShardDecision:
    """What becomes of the inputs and of the rows of one shard.

    Attributes:
      to_score: The inputs that must be scored.
      kept: The rows that are taken over, those to be marked as vanished included.
      counts: What was met.
    """

    to_score: list[ImageRef]
    kept: list[KeptRow]
    counts: PlanCounts


def plan_shard(
    refs: Sequence[ImageRef],
    journal: Iterable[JournalEntry],
    known: Mapping[str, KnownRow],
    *,
    published: int,
    retry_failed: RetryFailed,
    vanished: Vanished,
) -> ShardDecision:
    """Decide for every distinct URI of a shard, once.

    Args:
      refs: The inputs in any order; of repeats, the one named first counts.
      journal: Rows of unfinished runs. They are newer than those of the ledger, and
        are looked at first.
      known: Rows of the ledger by URI; may be left out if no input is named and
        vanished rows are dropped.
      published: How many rows the ledger has in this shard.
      retry_failed: Which failed rows are tried again.
      vanished: What becomes of rows whose inputs are no longer named.
    """
    named: dict[str, ImageRef] = {}
    for ref in refs:
        if ref.uri not in named or ref.order < named[ref.uri].order:
            named[ref.uri] = ref
    journalled: dict[str, list[JournalEntry]] = {}
    for entry in journal:
        journalled.setdefault(entry.uri, []).append(entry)
    to_score: list[ImageRef] = []
    kept: list[KeptRow] = []
    for uri, ref in named.items():
        row = _kept_row(ref, journalled.get(uri, ()), known.get(uri), retry_failed)
        if row:
            kept.append(row)
        else:
            to_score.append(ref)
    if vanished is Vanished.MARK:
        gone = [uri for uri in known if uri not in named]
        kept += [KeptRow(uri=uri, is_vanished=True) for uri in gone]
    counts = PlanCounts(
        repeats=len(refs) - len(named),
        published=published,
        vanished=published - len(named.keys() & known.keys()),
    )
    return ShardDecision(to_score=to_score, kept=kept, counts=counts)


def _kept_row(
    ref: ImageRef,
    journalled: Iterable[JournalEntry],
    published: KnownRow | None,
    retry_failed: RetryFailed,
) -> KeptRow | None:
    """Return which row of an input still holds, None if it must be scored."""
    rows: list[tuple[KnownRow, str | None]] = [(e.row, e.journal) for e in journalled]
    if published:
        rows.append((published, None))
    for row, journal in rows:
        if still_holds(row, ref, retry_failed):
            return KeptRow(
                uri=ref.uri,
                key=ref.key,
                carried=ref.carried,
                layout=ref.layout,
                journal=journal,
            )
    return None


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
