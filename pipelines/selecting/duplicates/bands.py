"""Bands: hashes that are alike agree, or nearly, in some 16 bits of theirs.

Of 16 bands of 16 bits, two hashes at a distance up to 15 have one band in common. At a
distance of 15 + k, k of 1 to 16, they have one in common, or one of the first k bands
differs in a single bit: else each of these k bands would differ in two bits or more and
the others in one, which makes 16 + k. So nothing else need be compared.

Source: M. Norouzi, A. Punjani, D. Fleet, "Fast Exact Search in Hamming Space with
Multi-Index Hashing", arXiv:1307.2982.
"""

import dataclasses

import numpy as np

BAND_COUNT = 16
BAND_BITS = 16
MOST_BITS = 31


@dataclasses.dataclass(frozen=True, kw_only=True)
class Banding:
    """How hashes within a distance are brought together.

    Attributes:
      bits: The largest distance that is found, 0..31.
      key_bits: Bits of each band that count, 0..16: fewer make fewer, larger buckets.
    """

    bits: int
    key_bits: int = BAND_BITS

    def __post_init__(self):
        if not 0 <= self.bits <= MOST_BITS:
            raise ValueError(
                f"hashes are compared up to a distance of 0..{MOST_BITS} bits, got "
                f"{self.bits}"
            )

    @property
    def bands(self) -> range:
        """The bands that must be looked at; without keys, all is one bucket of one.

        To differ in each of more bands than `bits`, hashes must be farther apart.
        """
        return range(min(BAND_COUNT, self.bits + 1) if self.key_bits else 1)

    def radius(self, band: int) -> int:
        """Return in how many bits keys of a band may differ: 0 or 1."""
        return int(band < self.bits - (BAND_COUNT - 1)) if self.key_bits else 0

    def masks(self, band: int) -> list[int]:
        """Return by what the key of a neighbouring bucket differs."""
        return [1 << bit for bit in range(self.key_bits * self.radius(band))]

    def keys(self, words: np.ndarray, band: int) -> np.ndarray:
        """Return the keys of hashes in a band.

        Args:
          words: uint64 [n, 4], as `words_of` returns them.
          band: Its number.

        Returns:
          uint16 [n].
        """
        column = words.view(np.uint16)[:, band]
        if self.key_bits == 0:
            return np.zeros_like(column)
        return column >> np.uint16(BAND_BITS - self.key_bits)

    def meets_before(self, one: np.ndarray, other: np.ndarray, band: int) -> np.ndarray:
        """Return which pairs meet in a band before this one, too.

        Args:
          one: uint64 [n, 4].
          other: uint64 [n, 4].
          band: The band in which they have met.
        """
        met = np.zeros(len(one), bool)
        for earlier in range(band):
            differing = self.keys(one, earlier) ^ self.keys(other, earlier)
            met |= np.bitwise_count(differing) <= self.radius(earlier)
        return met


def words_of(hashes: np.ndarray) -> np.ndarray:
    """Return hashes, uint8 [n, 32], as uint64 [n, 4]."""
    return np.ascontiguousarray(hashes, np.uint8).view(np.uint64)


def least_bits(words: np.ndarray, bits: int) -> int:
    """Return the largest distance up to `bits` that hashes can have among themselves.

    Nearly all PDQ hashes have 128 bits set, so that their distances are even.
    """
    parities = np.bitwise_count(words).sum(axis=1, dtype=np.uint16) & 1
    is_even = len(words) == 0 or bool((parities == parities[0]).all())
    return bits - 1 if is_even and bits % 2 else bits


def distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the distances of pairs of hashes, both uint64 [n, 4], as int16 [n]."""
    return np.bitwise_count(one ^ other).sum(axis=1, dtype=np.int16)
