"""Which photos are near-duplicates of a better one, by their PDQ hashes."""

import dataclasses

import numpy as np

from pipelines.selecting.duplicates.bands import (
    Banding,
    distances,
    least_bits,
    words_of,
)
from pipelines.selecting.duplicates.comparing import Comparing
from pipelines.selecting.duplicates.leaders import find_leaders

DEFAULT_BITS = 31
LOWEST_QUALITY = 50


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Duplicates:
    """What became of photos.

    Attributes:
      kept_by: int64 [n], the photo that stands for each; its own index if it is kept.
      distance: int16 [n], bits between the two; 0 if it is kept.
      unmatched: Photos that were compared with none, as their hashes say little or are
        missing. They are kept.
      identical: Photos with the very hash of a better one.
      compared: Pairs of distinct hashes that were compared.
      largest_bucket: The most distinct hashes that agree in one band: if it is large,
        so is the time, but nothing is left out.
    """

    kept_by: np.ndarray
    distance: np.ndarray
    unmatched: int
    identical: int
    compared: int
    largest_bucket: int

    @property
    def is_kept(self) -> np.ndarray:
        """Whether each photo is kept, bool [n]."""
        return self.kept_by == np.arange(len(self.kept_by))


def drop_duplicates(
    hashes: np.ndarray,
    quality: np.ndarray,
    order: np.ndarray,
    *,
    bits: int = DEFAULT_BITS,
    threads: int = 2,
) -> Duplicates:
    """Keep the best photo of each that resemble it, best first; see `leaders`.

    Every pair within the distance is found: no two kept photos are within it, and each
    dropped one is within it of the photo that stands for it, which is the best such.

    Args:
      hashes: uint8 [n, 32].
      quality: [n], of the hashes, 0..100; photos below 50 are kept, unmatched. So are
        those without a hash: let their quality be 0.
      order: [n] of distinct integers; the lowest is the best photo.
      bits: Photos with hashes up to this distance are near-duplicates, 0..31.
      threads: Threads to compare with.

    Raises:
      ValueError: If shapes or `bits` are wrong, or ranks repeat.
    """
    _ = Banding(bits=bits)
    count = len(hashes)
    if hashes.shape != (count, 32) or not len(quality) == len(order) == count:
        raise ValueError(
            f"{count} hashes of 32 bytes need a quality and a rank each, got arrays of "
            f"{hashes.shape}, {len(quality)} and {len(order)}"
        )
    kept_by = np.arange(count)
    ranked = np.argsort(order, kind="stable")
    if (np.diff(np.asarray(order)[ranked]) == 0).any():
        raise ValueError("two photos have one rank, so neither is the better one")
    ranked = ranked[np.asarray(quality)[ranked] >= LOWEST_QUALITY]
    words = words_of(hashes)[ranked]
    best, of_best = _distinct(words)
    words = words[best]
    comparing = Comparing(least_bits(words, bits), threads=threads)
    leaders = find_leaders(words, comparing)
    distance = np.zeros(count, np.int16)
    distance[ranked] = distances(words, words[leaders])[of_best]
    kept_by[ranked] = ranked[best][leaders[of_best]]
    return Duplicates(
        kept_by=kept_by,
        distance=distance,
        unmatched=count - len(ranked),
        identical=len(ranked) - len(best),
        compared=comparing.compared,
        largest_bucket=comparing.largest_bucket,
    )


def _distinct(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first places of distinct hashes, ascending, and which each hash is."""
    order = np.lexsort(words.T)  # stable, so that the first of equal ones comes first
    is_new = np.zeros(len(words), bool)
    is_new[:1] = True
    for column in words.T:
        in_order = column[order]
        is_new[1:] |= in_order[1:] != in_order[:-1]
    firsts = order[is_new]
    place_of = np.empty(len(words), np.int64)
    place_of[order] = np.cumsum(is_new) - 1
    ascending = np.argsort(firsts)
    rank_of = np.empty(len(firsts), np.int64)
    rank_of[ascending] = np.arange(len(firsts))
    return firsts[ascending], rank_of[place_of]
