"""Try a subset: the first images that the inputs name, or some by their URIs' hashes.

It takes two passes, so that it is exact and streams: the first finds the bound, the
highest rank that is still chosen, and keeps no more than ranks; the second compares.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import apache_beam as beam
from apache_beam.pvalue import AsSingleton, PCollection, TaggedOutput
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from pipelines.scoring.choosing.choice import Choice
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.listing import LISTED, ListingCounts
from schemas.errors import UsageError
from schemas.left_out import LeftOut, LeftOutTally
from schemas.manifest import Manifest

Rank = tuple[Any, ...]  # of numbers, or of a hash: all of a run are alike
_SPARE_RANKS = 1000


def rank_of(ref: ImageRef, choice: Choice) -> Rank:
    """Return what images are chosen by, the lowest first.

    For `--sample` that is a hash of the URI, the same in every run and for every
    engine; for `--limit` it is the place in the inputs.
    """
    return (_hash(ref.uri),) if choice.sample else ref.order


def is_chosen(ref: ImageRef, bound: Rank | None, choice: Choice) -> bool:
    """Whether an image is tried."""
    return bound is None or rank_of(ref, choice) <= bound


def not_chosen(ref: ImageRef, choice: Choice) -> LeftOut:
    """Return why an image that is not chosen is left out."""
    flag = "--sample" if choice.sample else "--limit"
    reason = f"not in {flag} {choice.sample or choice.limit}"
    return LeftOut(reason=reason, example=ref.uri)


def find_bound(refs: PCollection, choice: Choice) -> PCollection:
    """Return the highest rank that is chosen, None if all are, as one element."""
    count = choice.limit or choice.sample or 0
    bound: Any = (
        refs
        | "Rank" >> beam.Map(_ranked, choice)
        | "Find bound" >> beam.CombineGlobally(NthRank(count))
    )
    return bound


def require_own_ledger(choice: Choice, manifest: Manifest, output: str) -> None:
    """Refuse to put a subset in the place of a ledger that has more.

    Raises:
      UsageError: If the ledger was made without this flag, or by a higher number.
    """
    for name in ("limit", "sample"):
        count = getattr(choice, name)
        before = manifest.asked.get(name)
        if count is None or (before is not None and before <= count):
            continue
        made = f"with --{name} {before}" if before else "without it"
        raise UsageError(
            f"--{name} {count} would drop rows of {output}, which was made {made}; "
            "name another --output to try things out"
        )


class Subset(beam.PTransform):
    """The chosen refs, and as `LISTED` the counts of those that are left out."""

    def __init__(self, choice: Choice):
        super().__init__()
        self._choice = choice

    def expand(self, input_or_inputs: PCollection) -> Any:
        """Build the two passes."""
        bound = find_bound(input_or_inputs, self._choice)
        return input_or_inputs | "Keep chosen" >> beam.ParDo(
            KeepChosen(self._choice),
            AsSingleton(bound),  # pyright: ignore[reportArgumentType]
        ).with_outputs(LISTED, main="images")


class NthRank(beam.CombineFn):
    """The highest of the N lowest ranks of distinct images; None if there are no more.

    An accumulator has the lowest rank of each image, and the bound above which none
    counts any more.
    """

    def __init__(self, count: int):
        super().__init__()
        self._count = count

    def create_accumulator(self) -> tuple[dict[str, Rank], Rank | None]:
        """Start with no image."""
        return {}, None

    def add_input(
        self,
        mutable_accumulator: tuple[dict[str, Rank], Rank | None],
        element: tuple[str, Rank],
    ) -> tuple[dict[str, Rank], Rank | None]:
        """Add a mention of an image: its hash and its rank."""
        ranks, bound = mutable_accumulator
        image, rank = element
        if bound is None or rank <= bound:
            ranks[image] = min(rank, ranks.get(image, rank))
        if len(ranks) > 2 * self._count + _SPARE_RANKS:
            return self._lowest(ranks)
        return ranks, bound

    def merge_accumulators(
        self, accumulators: Iterable[tuple[dict[str, Rank], Rank | None]]
    ) -> tuple[dict[str, Rank], Rank | None]:
        """Keep the lowest ranks of all."""
        together: dict[str, Rank] = {}
        for ranks, _ in accumulators:
            for image, rank in ranks.items():
                together[image] = min(rank, together.get(image, rank))
        return self._lowest(together)

    def extract_output(
        self, accumulator: tuple[dict[str, Rank], Rank | None]
    ) -> Rank | None:
        """Return the bound."""
        return self._lowest(accumulator[0])[1]

    def _lowest(self, ranks: dict[str, Rank]) -> tuple[dict[str, Rank], Rank | None]:
        if len(ranks) < self._count:
            return ranks, None
        lowest = sorted(ranks.items(), key=lambda one: one[1])[: self._count]
        return dict(lowest), lowest[-1][1]


class KeepChosen(beam.DoFn):
    """Refs up to the bound; at the end of a bundle the count of others, `LISTED`."""

    def __init__(self, choice: Choice):
        self._choice = choice

    def start_bundle(self):
        """Start with none left out."""
        self._left_out = LeftOutTally()

    def process(self, element: ImageRef, bound: Rank | None) -> Iterator[ImageRef]:
        """Emit a ref that is chosen."""
        if is_chosen(element, bound, self._choice):
            yield element
        else:
            self._left_out.add(not_chosen(element, self._choice))

    # Beam allows windowed values here, which its annotation does not say.
    def finish_bundle(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
    ) -> Iterator[TaggedOutput[Literal["listed"], WindowedValue]]:
        """Emit the count; these images were counted as named where they were listed."""
        if told := self._left_out.total():
            counts = GlobalWindows.windowed_value(ListingCounts(left_out=told))
            yield TaggedOutput(LISTED, counts)


def _ranked(ref: ImageRef, choice: Choice) -> tuple[str, Rank]:
    return _hash(ref.uri), rank_of(ref, choice)


def _hash(uri: str) -> str:
    data = uri.encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()[:32]
