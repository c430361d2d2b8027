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
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.input import Input
from pipelines.scoring.inputs import list_input
from pipelines.scoring.run import Run
from pipelines.scoring.shards.list_shard import list_shard
from pipelines.scoring.shards.shard import Shard
from schemas.manifest import CountsError

SHARDS = "shards"
LISTED = "listed"
LAYOUTS = "layouts"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ListingCounts:
    """What listing met, of one input, of one shard or of all.

    Attributes:
      images: Images named, repeats included.
      inputs: Inputs listed to their end.
      shards: Files of images that inputs named.
      listed_shards: Those listed to their end.
    """

    images: int = 0
    inputs: int = 0
    shards: int = 0
    listed_shards: int = 0


def add_listing_counts(counts: Iterable[ListingCounts]) -> ListingCounts:
    """Return the counts of several inputs and shards together."""
    counts = list(counts)
    return ListingCounts(
        images=sum(one.images for one in counts),
        inputs=sum(one.inputs for one in counts),
        shards=sum(one.shards for one in counts),
        listed_shards=sum(one.listed_shards for one in counts),
    )


def require_whole_listing(listing: ListingCounts, run: Run) -> None:
    """Refuse to publish unless every input and every shard was listed to its end.

    Raises:
      CountsError: If that is not so.
    """
    inputs = len(run.inputs)
    if (listing.inputs, listing.listed_shards) != (inputs, listing.shards):
        raise CountsError(
            f"the counts do not add up, so nothing was published: {listing.inputs} of "
            f"{inputs} inputs and {listing.listed_shards} of {listing.shards} files of "
            "images were listed to their end"
        )


class ListInput(beam.DoFn):
    """`list_input`: image refs and `SHARDS`.

    At the end come one count as `LISTED`, and `LAYOUTS` of what the refs carry.
    """

    def process(
        self, element: Input
    ) -> Iterator[
        ImageRef
        | TaggedOutput[Literal["shards"], Shard]
        | TaggedOutput[Literal["listed"], ListingCounts]
        | TaggedOutput[Literal["layouts"], tuple[FoundLayout, ...]]
    ]:
        """Emit what one input names."""
        images = shards = 0
        layouts: list[FoundLayout] = []
        for named in list_input(element):
            if isinstance(named, Shard):
                shards += 1
                yield TaggedOutput(SHARDS, named)
            elif isinstance(named, FoundLayout):
                layouts.append(named)
            else:
                images += 1
                yield named
        counts = ListingCounts(images=images, inputs=1, shards=shards)
        yield TaggedOutput(LISTED, counts)
        yield TaggedOutput(LAYOUTS, first_of_each(layouts))


class ListShard(beam.DoFn):
    """`list_shard`: image refs, and at the end one count as `LISTED`, and `LAYOUTS`."""

    def process(
        self, element: Shard
    ) -> Iterator[
        ImageRef
        | TaggedOutput[Literal["listed"], ListingCounts]
        | TaggedOutput[Literal["layouts"], tuple[FoundLayout, ...]]
    ]:
        """Emit the images of one shard."""
        images = 0
        layouts: list[FoundLayout] = []
        for named in list_shard(element):
            if isinstance(named, FoundLayout):
                layouts.append(named)
            elif isinstance(named, ImageRef):
                images += 1
                yield named
        yield TaggedOutput(LISTED, ListingCounts(images=images, listed_shards=1))
        yield TaggedOutput(LAYOUTS, first_of_each(layouts))
