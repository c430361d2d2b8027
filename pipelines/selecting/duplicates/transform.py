"""The same as a Beam step: hashes meet by the keys of their bands, on any engine.

Only pairs within the distance leave the groups. They come together on one worker, which
goes through them in the order of the photos.
"""

import dataclasses
import typing
from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam
import numpy as np
from apache_beam.pvalue import AsDict, PCollection

from pipelines.selecting.duplicates.bands import Banding, distances, words_of
from pipelines.selecting.duplicates.comparing import Pairs
from pipelines.selecting.duplicates.drop_duplicates import DEFAULT_BITS, LOWEST_QUALITY
from pipelines.selecting.duplicates.leaders import leaders_of_pairs

# A hash with the rank of the best photo that has it.
_Best = tuple[int, bytes]
_Pair = tuple[int, int, int]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class HashedPhoto:
    """A photo as it is compared.

    Attributes:
      rank: Its place among all; the lowest is the best photo, and none has two.
      pdq_hash: 32 bytes.
      quality: Of the hash, 0..100.
    """

    rank: int
    pdq_hash: bytes
    quality: int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DroppedPhoto:
    """A photo that resembles a better one.

    Attributes:
      rank: Of the photo.
      kept_by: Rank of the kept one that stands for it.
      distance: Bits between their hashes.
    """

    rank: int
    kept_by: int
    distance: int


class DropDuplicates(beam.PTransform):
    """Takes `HashedPhoto`, gives `DroppedPhoto`: what `drop_duplicates` drops.

    Pairs of photos, some 100 bytes each, must fit into the memory of one worker.
    """

    def __init__(self, bits: int = DEFAULT_BITS):
        """Keep the distance.

        Args:
          bits: Photos with hashes up to this distance are near-duplicates, 0..31.

        Raises:
          ValueError: If it is another.
        """
        super().__init__()
        self._banding = Banding(bits=bits)

    def expand(self, input_or_inputs: PCollection) -> PCollection:
        """Let the best of identical hashes meet, and go through the pairs in order."""
        alike = (
            input_or_inputs
            | "Gate" >> beam.Filter(lambda one: one.quality >= LOWEST_QUALITY)
            | "By hash" >> beam.Map(lambda one: (one.pdq_hash, one.rank))
            | "Identical" >> beam.GroupByKey()
            | "Best first" >> beam.Map(lambda group: (group[0], sorted(group[1])))
        )
        led = typing.cast(
            PCollection,
            alike
            | "By band" >> beam.FlatMap(_with_keys, self._banding)
            | "Buckets" >> beam.GroupByKey()
            | "Compare" >> beam.FlatMap(_pairs_of, self._banding)
            | "Pairs" >> beam.combiners.ToList()
            | "Leaders" >> beam.FlatMap(lead),
        )
        dropped = alike | "Drop" >> beam.FlatMap(_dropped, AsDict(led))
        return typing.cast(PCollection, dropped)


def lead(pairs: Sequence[_Pair]) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield each rank that is dropped, with the rank of its leader and the distance.

    Args:
      pairs: All pairs within the distance: two ranks, the lower first, and it.
    """
    if not pairs:
        return
    first, second, distance = np.array(pairs, np.int64).T
    ranks, places = np.unique(np.r_[first, second], return_inverse=True)
    firsts, seconds = np.split(places, 2)
    found = Pairs(first=firsts, second=seconds, distance=distance)
    leaders = leaders_of_pairs(len(ranks), found)
    for one, other, bits in zip(firsts, seconds, distance.tolist(), strict=True):
        if leaders[other] == one:
            yield int(ranks[other]), (int(ranks[one]), bits)


def _with_keys(
    alike: tuple[bytes, Sequence[int]], banding: Banding
) -> Iterator[tuple[tuple[int, int], tuple[_Best, bool]]]:
    """Yield the best photo of a hash for each bucket that it is in, or looks into.

    Of two neighbouring buckets, the one of the lower key looks into the other.
    """
    digest, ranks = alike
    best = (ranks[0], digest)
    words = words_of(np.frombuffer(digest, np.uint8)[None])
    for band in banding.bands:
        key = int(banding.keys(words, band)[0])
        yield (band, key), (best, True)
        for mask in banding.masks(band):
            if key ^ mask > key:
                yield (band, key ^ mask), (best, False)


def _pairs_of(
    bucket: tuple[tuple[int, int], Iterable[tuple[_Best, bool]]], banding: Banding
) -> Iterator[_Pair]:
    """Yield the pairs of a bucket that are within the distance and meet here first."""
    (band, _), members = bucket
    ranked = sorted((*best, is_own) for best, is_own in members)
    ranks = np.array([rank for rank, _, _ in ranked])
    is_own = np.array([own for _, _, own in ranked])
    words = words_of(np.stack([np.frombuffer(one, np.uint8) for _, one, _ in ranked]))
    for place in np.flatnonzero(is_own):
        # Those of the bucket meet each other once, and each that looks in.
        others = np.flatnonzero((np.arange(len(words)) > place) | ~is_own)
        one = np.broadcast_to(words[place], (len(others), words.shape[1]))
        distance = distances(one, words[others])
        near = np.flatnonzero(distance <= banding.bits)
        is_first = ~banding.meets_before(
            np.ascontiguousarray(one[near]), words[others[near]], band
        )
        for hit in near[is_first]:
            low, high = sorted((int(ranks[place]), int(ranks[others[hit]])))
            yield low, high, int(distance[hit])


def _dropped(
    alike: tuple[bytes, Sequence[int]], led: dict[int, tuple[int, int]]
) -> Iterator[DroppedPhoto]:
    """Yield the photos of one hash that are dropped: all but the best, or all."""
    _, (best, *others) = alike
    leader, distance = led.get(best, (best, 0))
    for rank in (best, *others):
        if rank != leader:
            yield DroppedPhoto(rank=rank, kept_by=leader, distance=distance)
