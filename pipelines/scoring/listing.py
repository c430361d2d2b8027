"""List: what the user named as refs, and how many of them there are.

Images are counted where they are listed. An engine can lose a message between that
and the next step; counted any later, the images in it would never have been there.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Literal

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from pipelines.scoring.carried.layout import FoundLayout, first_of_each
from pipelines.scoring.choosing.choice import PatternsMet
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.input import Input
from pipelines.scoring.inputs.list_input import Found, list_input, list_span
from pipelines.scoring.inputs.spans import Span
from pipelines.scoring.monitoring.lineage import tell_source
from pipelines.scoring.monitoring.metrics import count_retries
from pipelines.scoring.planning.lost_shards import LostShard, ShardTally
from pipelines.scoring.run import Run
from pipelines.scoring.shards.list_shard import claimed_images, list_shard
from pipelines.scoring.shards.shard import Shard
from pipelines.scoring.slices.refs_at_once import RefCount, RefsAtOnce
from schemas.failures import Failure
from schemas.left_out import LeftOut, LeftOutTally, add_left_out
from schemas.manifest import CountsError

SHARDS = "shards"
SPANS = "spans"
LISTED = "listed"
TALLIES = "tallies"
LAYOUTS = "layouts"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ListingCounts:
    """What listing met, of one input, of one shard or of all.

    Attributes:
      named: Images named, repeats and what was left out included.
      inputs: Inputs listed to their end.
      spans: Parts of large inputs that were left to others to list.
      listed_spans: Those listed to their end.
      shards: Files of images that inputs named.
      listed_shards: Those listed to their end.
      left_out: What was left out on purpose, by reason.
      met: Patterns of names that have matched something.
    """

    named: int = 0
    inputs: int = 0
    spans: int = 0
    listed_spans: int = 0
    shards: int = 0
    listed_shards: int = 0
    left_out: tuple[LeftOut, ...] = ()
    met: frozenset[str] = frozenset()

    @property
    def refs(self) -> int:
        """Images that go on to be planned, repeats included."""
        return self.named - sum(one.count for one in self.left_out)


ListedByInput = (
    ImageRef
    | TaggedOutput[Literal["shards"], Shard]
    | TaggedOutput[Literal["spans"], Span]
    | TaggedOutput[Literal["listed"], ListingCounts]
    | TaggedOutput[Literal["layouts"], tuple[FoundLayout, ...]]
)


def add_listing_counts(counts: Iterable[ListingCounts]) -> ListingCounts:
    """Return the counts of several inputs and shards together."""
    counts = list(counts)
    return ListingCounts(
        named=sum(one.named for one in counts),
        inputs=sum(one.inputs for one in counts),
        spans=sum(one.spans for one in counts),
        listed_spans=sum(one.listed_spans for one in counts),
        shards=sum(one.shards for one in counts),
        listed_shards=sum(one.listed_shards for one in counts),
        left_out=add_left_out(each for one in counts for each in one.left_out),
        met=frozenset().union(*(one.met for one in counts)),
    )


def require_whole_listing(listing: ListingCounts, run: Run) -> None:
    """Refuse to publish unless every input and every shard was listed to its end.

    Raises:
      CountsError: If that is not so.
    """
    inputs = len(run.inputs)
    met = (listing.inputs, listing.listed_spans, listing.listed_shards)
    if met != (inputs, listing.spans, listing.shards):
        spans = f", {listing.listed_spans} of {listing.spans} parts of them"
        raise CountsError(
            f"the counts do not add up, so nothing was published: {listing.inputs} of "
            f"{inputs} inputs{spans if listing.spans else ''} and "
            f"{listing.listed_shards} of {listing.shards} files of images were listed "
            "to their end"
        )


class _Lists(beam.DoFn):
    """What lists, and raises `TooManyRefsError` beyond as many refs as one run takes.

    Args:
      limit: What is too many; None takes all.
    """

    def __init__(self, limit: RefsAtOnce | None = None):
        self._count = RefCount(limit)


class ListInput(_Lists):
    """`list_input`: image refs, `SHARDS`, and `SPANS` of inputs that are very large.

    At the end come one count as `LISTED`, and `LAYOUTS` of what the refs carry.
    """

    def process(self, element: Input) -> Iterator[ListedByInput]:
        """Emit what one input names."""
        tell_source(element)
        return _tagged(list_input(element, divides=True), self._count, inputs=1)


class ListSpan(_Lists):
    """`list_span`, with the outputs of `ListInput`."""

    def process(self, element: Span) -> Iterator[ListedByInput]:
        """Emit what one span of an input names."""
        return _tagged(list_span(element), self._count, listed_spans=1)


def _tagged(
    listed: Iterator[Found | Span],
    count: RefCount,
    *,
    inputs: int = 0,
    listed_spans: int = 0,
) -> Iterator[ListedByInput]:
    refs = shards = spans = 0
    left_out, met = LeftOutTally(), PatternsMet()
    layouts: list[FoundLayout] = []
    for named in listed:
        if isinstance(named, LeftOut):
            left_out.add(named)
        elif isinstance(named, PatternsMet):
            met = named
        elif isinstance(named, Shard):
            shards += 1
            yield TaggedOutput(SHARDS, named)
        elif isinstance(named, Span):
            spans += 1
            yield TaggedOutput(SPANS, named)
        elif isinstance(named, FoundLayout):
            layouts.append(named)
        else:
            refs += 1
            count.add()
            yield named
    count_retries()
    counts = counts_of(refs, left_out, met)
    yield TaggedOutput(
        LISTED,
        dataclasses.replace(
            counts, inputs=inputs, shards=shards, spans=spans, listed_spans=listed_spans
        ),
    )
    yield TaggedOutput(LAYOUTS, first_of_each(layouts))


class ListShard(_Lists):
    """`list_shard`: image refs, and at the end one count as `LISTED`, and `LAYOUTS`.

    Whether the shard is whole goes to `TALLIES`.
    """

    def process(
        self, element: Shard
    ) -> Iterator[
        ImageRef
        | TaggedOutput[Literal["listed"], ListingCounts]
        | TaggedOutput[Literal["layouts"], tuple[FoundLayout, ...]]
        | TaggedOutput[Literal["tallies"], ShardTally]
    ]:
        """Emit the images of one shard."""
        refs, lost = 0, None
        left_out, met = LeftOutTally(), PatternsMet()
        layouts: list[FoundLayout] = []
        for named in list_shard(element):
            if isinstance(named, LeftOut):
                left_out.add(named)
            elif isinstance(named, PatternsMet):
                met = named
            elif isinstance(named, FoundLayout):
                layouts.append(named)
            else:
                refs += 1
                if named.uri == element.uri and named.refusal:
                    lost, _ = named.refusal
                self._count.add()
                yield named
        count_retries()
        yield TaggedOutput(LISTED, counts_of(refs, left_out, met, listed_shards=1))
        yield TaggedOutput(LAYOUTS, first_of_each(layouts))
        yield TaggedOutput(TALLIES, _tally(element, refs, lost))


def counts_of(
    refs: int,
    left_out: LeftOutTally,
    met: PatternsMet,
    *,
    listed_shards: int = 0,
) -> ListingCounts:
    """Return the counts of a listing that gave so many refs and left others out."""
    told = left_out.total()
    return ListingCounts(
        named=refs + sum(one.count for one in told),
        listed_shards=listed_shards,
        left_out=told,
        met=met.patterns,
    )


def _tally(shard: Shard, refs: int, lost: Failure | None) -> ShardTally:
    """Return what became of one shard; the last ref of a lost one stands for it."""
    number = shard.source.number
    if lost is None:
        return ShardTally(whole={number: 1}, images={number: refs})
    one = LostShard(
        uri=shard.uri,
        source=number,
        failure=lost,
        images=refs - 1,
        holds=claimed_images(shard),
    )
    return ShardTally(lost=(one,))
