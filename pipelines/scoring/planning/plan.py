"""Plan: which inputs must be scored, and which rows of the ledger still hold."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from pipelines.scoring.config import RetryFailed, Vanished
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.planning.previous_state import KnownRow
from pipelines.storage.file_generation import is_same_generation, is_same_time
from pipelines.storage.uris import is_local
from schemas.ledger import Status

_EXAMPLES = 2


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class KeptRow:
    """An input whose row is taken over, and what the input says anew.

    Attributes:
      uri: The input.
      key: Its name as the input gives it; empty if it vanished.
      carried: Values of the carried columns that its layout has.
      layout: Digest of what those are; empty if nothing is carried, or it vanished.
      journalled: The row's values as `JournalEntry` has them; None of a row that is
        read from the ledger.
      generation: That of the input now, where the row has it in another form.
      is_vanished: Whether no input names it any more; its row stays as it was.
      failed_before: Whether the ledger as last published has it as failed.
    """

    uri: str
    key: str = ""
    carried: tuple[Any, ...] = ()
    layout: str = ""
    journalled: tuple[Any, ...] | None = None
    generation: str | None = None
    is_vanished: bool = False
    failed_before: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class JournalEntry:
    """A row that an unfinished run has left behind.

    Attributes:
      uri: The input.
      row: What decides whether it still holds.
      values: The whole row, in the order of the ledger's columns, but for the carried
        ones: it goes along, so that journal files are read once.
    """

    uri: str
    row: KnownRow
    values: tuple[Any, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PlanCounts:
    """What planning met, to be compared with what is written in the end.

    Attributes:
      named: Distinct images that inputs named.
      repeats: Inputs that named an image again.
      untried: Images that the ledger as last published has no failed row of, and that
        are scored now, or were by a run that it does not know.
      published: Rows of the ledger as last published.
      vanished: Rows among them whose inputs are no longer named.
      examples: URIs of one or two of these.
      held: Rows of the ledger by the lost file of images that held them.
      vanished_from: Rows among those whose images are no longer named.
      failed_before: Lost files of images that were lost before.
    """

    named: int = 0
    repeats: int = 0
    untried: int = 0
    published: int = 0
    vanished: int = 0
    examples: tuple[str, ...] = ()
    held: Mapping[str, int] = dataclasses.field(default_factory=dict)
    vanished_from: Mapping[str, int] = dataclasses.field(default_factory=dict)
    failed_before: frozenset[str] = frozenset()


def add_counts(counts: Iterable[PlanCounts]) -> PlanCounts:
    """Return the counts of several shards together."""
    counts = list(counts)
    examples = itertools.chain.from_iterable(one.examples for one in counts)
    return PlanCounts(
        named=sum(one.named for one in counts),
        repeats=sum(one.repeats for one in counts),
        untried=sum(one.untried for one in counts),
        published=sum(one.published for one in counts),
        vanished=sum(one.vanished for one in counts),
        examples=tuple(itertools.islice(examples, _EXAMPLES)),
        held=_added(one.held for one in counts),
        vanished_from=_added(one.vanished_from for one in counts),
        failed_before=frozenset().union(*(one.failed_before for one in counts)),
    )


def _added(counts: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(total)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ContentCheck:
    """A row that holds if its image still has the digest that the row says.

    Attributes:
      ref: The image.
      row: Its row, if that holds.
      sha256: The digest.
    """

    ref: ImageRef
    row: KeptRow
    sha256: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ShardDecision:
    """What becomes of the inputs and of the rows of one shard.

    Attributes:
      to_score: The inputs that must be scored.
      to_check: The inputs whose content decides.
      kept: The rows that are taken over, those to be marked as vanished included.
      counts: What was met.
    """

    to_score: list[ImageRef]
    to_check: list[ContentCheck]
    kept: list[KeptRow]
    counts: PlanCounts


def plan_shard(
    refs: Sequence[ImageRef],
    journal: Iterable[JournalEntry],
    known: Mapping[str, KnownRow],
    *,
    retry_failed: RetryFailed,
    vanished: Vanished,
    verify_content: bool = False,
    lost: Collection[str] = (),
) -> ShardDecision:
    """Decide for every distinct URI of a shard, once.

    Args:
      refs: The inputs in any order; of repeats, the one named first counts.
      journal: Rows of unfinished runs. They are newer than those of the ledger, and
        are looked at first.
      known: Rows of the ledger by URI.
      retry_failed: Which failed rows are tried again.
      vanished: What becomes of rows whose inputs are no longer named.
      verify_content: Whether a row of a local file holds by the file's digest.
      lost: URIs of the files of images that could not be read, or not to their end.
    """
    named: dict[str, ImageRef] = {}
    for ref in refs:
        if ref.uri not in named or ref.order < named[ref.uri].order:
            named[ref.uri] = ref
    journalled: dict[str, list[JournalEntry]] = {}
    for entry in journal:
        journalled.setdefault(entry.uri, []).append(entry)
    to_score: list[ImageRef] = []
    to_check: list[ContentCheck] = []
    kept: list[KeptRow] = []
    for uri, ref in named.items():
        published = known.get(uri)
        if _has_failed_before(ref, published):
            named[uri] = ref = dataclasses.replace(ref, failed_before=True)
        found = _row_that_holds(
            ref, journalled.get(uri, ()), published, retry_failed, verify_content
        )
        if isinstance(found, ContentCheck):
            to_check.append(found)
        elif found:
            kept.append(found)
        else:
            to_score.append(ref)
    untried = sum(not ref.failed_before for ref in to_score) + len(to_check)
    untried += sum(row.journalled is not None and not row.failed_before for row in kept)
    gone = [uri for uri in known if uri not in named]
    if vanished is Vanished.MARK:
        kept += [KeptRow(uri=uri, is_vanished=True) for uri in gone]
    counts = PlanCounts(
        named=len(named),
        repeats=len(refs) - len(named),
        untried=untried,
        published=len(known),
        vanished=len(gone),
        examples=tuple(gone[:_EXAMPLES]),
        held=_by_lost_file(known, lost),
        vanished_from=_by_lost_file(gone, lost),
        failed_before=frozenset(
            uri for uri in lost if uri in named and named[uri].failed_before
        ),
    )
    return ShardDecision(to_score=to_score, to_check=to_check, kept=kept, counts=counts)


def _by_lost_file(uris: Iterable[str], lost: Collection[str]) -> Mapping[str, int]:
    """Return how many images, `file#place`, each lost file held, if it held some."""
    if not lost:
        return {}
    counts: Counter[str] = Counter()
    for uri in uris:
        ends = (place for place, sign in enumerate(uri) if sign == "#")
        counts.update(uri[:end] for end in ends if uri[:end] in lost)
    return dict(counts)


def _row_that_holds(
    ref: ImageRef,
    journalled: Iterable[JournalEntry],
    published: KnownRow | None,
    retry_failed: RetryFailed,
    verify_content: bool,
) -> KeptRow | ContentCheck | None:
    """Return which row of an input still holds, None if it must be scored."""
    rows: list[tuple[KnownRow, tuple[Any, ...] | None]]
    rows = [(entry.row, entry.values) for entry in journalled]
    if published:
        rows.append((published, None))
    by_content = verify_content and is_local(ref.uri)
    for row, values in rows:
        if not still_holds(row, ref, retry_failed, by_content=by_content):
            continue
        assert ref.listed is not None
        is_new = row.generation != ref.listed.generation
        kept = KeptRow(
            uri=ref.uri,
            key=ref.key,
            carried=ref.carried,
            layout=ref.layout,
            journalled=values,
            generation=ref.listed.generation if is_new else None,
            failed_before=ref.failed_before,
        )
        if not by_content:
            return kept
        if row.sha256 is not None:
            return ContentCheck(ref=ref, row=kept, sha256=row.sha256)
    return None


def still_holds(
    row: KnownRow, ref: ImageRef, retry_failed: RetryFailed, *, by_content: bool = False
) -> bool:
    """Whether a row of the ledger is what scoring its input again would give.

    Args:
      row: The row.
      ref: The input.
      retry_failed: Which failed rows are tried again.
      by_content: Whether the digest is to be compared besides; size and modification
        time must be as they were then, but not what else the generation says.
    """
    if ref.refusal is not None or ref.listed is None:
        return False
    if _has_failed(row) and (
        retry_failed is RetryFailed.ALL
        or (retry_failed is RetryFailed.TRANSIENT and row.transient)
    ):
        return False
    is_same = is_same_time if by_content else is_same_generation
    is_size_known = ref.size_bytes is not None
    return is_same(row.generation, ref.listed.generation) and (
        row.size_bytes == ref.size_bytes or not is_size_known
    )


def _has_failed(row: KnownRow | None) -> bool:
    return row is not None and row.status == Status.FAILED


def _has_failed_before(ref: ImageRef, published: KnownRow | None) -> bool:
    """Whether an input failed already as it is; one that was replaced is tried anew."""
    if published is None or not _has_failed(published):
        return False
    if ref.listed is None or published.generation is None:
        return True
    return is_same_generation(published.generation, ref.listed.generation)
