"""Comparing hashes bucket by bucket; every pair within the distance is found."""

import dataclasses
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pipelines.selecting.duplicates.bands import (
    BAND_BITS,
    BAND_COUNT,
    Banding,
    distances,
)

_BLOCK = 2**17  # comparisons at once
# Buckets hold some 2**6 to 2**7 hashes if there are enough keys, and half as many if
# each meets its neighbours, too.
_BUCKET_BITS = 6
_FEWEST_BUCKETED = 2**14


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pairs:
    """Pairs of hashes within the distance, each once.

    Attributes:
      first: int64 [n], the lower index.
      second: int64 [n], the higher index.
      distance: int16 [n], bits.
    """

    first: np.ndarray
    second: np.ndarray
    distance: np.ndarray


class TooManyPairsError(Exception):
    """More pairs than are wanted at once."""


class Comparing:
    """Compares hashes up to a distance, on several threads.

    Attributes:
      compared: Pairs that were compared so far, in part at least.
      largest_bucket: Hashes of the largest bucket so far.
    """

    def __init__(self, bits: int, *, threads: int = 2):
        self._bits = bits
        self._threads = threads
        self.compared = 0
        self.largest_bucket = 0

    def pairs_within(self, words: np.ndarray, *, most: int) -> Pairs:
        """Return all pairs among hashes.

        Args:
          words: uint64 [n, 4].
          most: More pairs are not returned.

        Raises:
          TooManyPairsError: If there are more.
        """
        banding = self._banding(len(words))
        found: list[tuple[np.ndarray, ...]] = []
        count = 0

        def take(band: int, rows: np.ndarray, columns: np.ndarray) -> None:
            nonlocal count
            is_apart = rows != columns
            if not is_apart.any():
                return
            rows, columns = rows[is_apart], columns[is_apart]
            first, second = np.minimum(rows, columns), np.maximum(rows, columns)
            one, other = words[first], words[second]
            distance = distances(one, other)
            is_pair = distance <= self._bits
            is_pair &= ~banding.meets_before(one, other, band)
            if not is_pair.any():
                return
            found.append((first[is_pair], second[is_pair], distance[is_pair]))
            count += int(is_pair.sum())
            if count > 2 * most:  # those within one bucket are met twice
                raise TooManyPairsError

        self._compare(banding, words, words, take, is_self=True)
        parts = [np.concatenate(part) for part in zip(*found, strict=True)] or [
            np.empty(0, kind) for kind in (np.int64, np.int64, np.int16)
        ]
        order = np.lexsort((parts[1], parts[0]))
        first, second, distance = (part[order] for part in parts)
        is_new = np.ones(len(first), bool)
        is_new[1:] = (np.diff(first) != 0) | (np.diff(second) != 0)
        if is_new.sum() > most:
            raise TooManyPairsError
        return Pairs(
            first=first[is_new], second=second[is_new], distance=distance[is_new]
        )

    def first_match(self, known: np.ndarray, words: np.ndarray) -> np.ndarray:
        """Return the first of known hashes within the distance of each hash.

        Args:
          known: uint64 [k, 4].
          words: uint64 [n, 4].

        Returns:
          int64 [n] of indices; k where there is none.
        """
        banding = self._banding(max(len(known), len(words)))
        first = np.full(len(words), len(known))
        lock = threading.Lock()

        def take(band: int, rows: np.ndarray, columns: np.ndarray) -> None:
            is_match = distances(words[rows], known[columns]) <= self._bits
            with lock:
                np.minimum.at(first, rows[is_match], columns[is_match])

        self._compare(banding, known, words, take, is_self=False)
        return first

    def _banding(self, count: int) -> Banding:
        """Return a banding with buckets of a useful size."""
        key_bits = count.bit_length() - 1 - _BUCKET_BITS + (self._bits >= BAND_COUNT)
        if count < _FEWEST_BUCKETED:
            key_bits = 0
        return Banding(bits=self._bits, key_bits=min(key_bits, BAND_BITS))

    def _compare(
        self,
        banding: Banding,
        known: np.ndarray,
        words: np.ndarray,
        take: Callable[[int, np.ndarray, np.ndarray], None],
        *,
        is_self: bool,
    ) -> None:
        """Let `take` have what may be pairs: band, rows of `words`, rows of `known`."""

        def compare(band: int) -> tuple[int, int]:
            compared = largest = 0
            right = _Buckets(words, band, banding)
            left = right if is_self else _Buckets(known, band, banding)
            masks = banding.masks(band)
            for rows, columns in _meetings(left, right, masks, is_self=is_self):
                compared += rows.shape[1] * columns.shape[1]
                largest = max(largest, rows.shape[1])
                for hit_rows, hit_columns in _hits(rows, columns, self._bits):
                    take(band, hit_rows, hit_columns)
            return compared, largest

        with ThreadPoolExecutor(self._threads) as threads:
            for compared, largest in threads.map(compare, banding.bands):
                self.compared += compared
                self.largest_bucket = max(self.largest_bucket, largest)


class _Buckets:
    """Hashes in order of their keys in one band."""

    def __init__(self, words: np.ndarray, band: int, banding: Banding):
        keys = banding.keys(words, band)
        order = np.argsort(keys, kind="stable")
        counts = np.bincount(keys, minlength=1 << banding.key_bits)
        self.ends = np.cumsum(counts).tolist()
        # Words apart from the band's own, in which bits are alike anyhow. One tells
        # most pairs apart that differ in many more bits than 15, two at 31.
        wanted = 1 if banding.bits < BAND_COUNT else 2
        apart = [(band // 4 + step) % 4 for step in range(1, 1 + wanted)]
        self._all = np.empty((1 + wanted, len(words)), np.uint64)
        self._all[0] = order
        for row, word in enumerate(apart, start=1):
            self._all[row] = words[:, word][order]

    def of(self, keys: Iterable[int]) -> np.ndarray:
        """Return the hashes of some buckets: places, and words, uint64 [2 or 3, n]."""
        ends, known = self.ends, self._all
        parts = [known[:, ends[key - 1] if key else 0 : ends[key]] for key in keys]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _meetings(
    left: _Buckets, right: _Buckets, masks: list[int], *, is_self: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield what must be compared: a bucket, and all that may be near to it.

    Among the same hashes, two neighbouring buckets meet once.
    """
    before = 0
    for key, end in enumerate(right.ends):
        if end == before:
            continue
        before = end
        keys = [key, *(key ^ mask for mask in masks if not is_self or key ^ mask > key)]
        columns = left.of(keys)
        if columns.shape[1]:
            yield right.of([key]), columns


def _hits(
    rows: np.ndarray, columns: np.ndarray, bits: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield places of what is within the distance in the words at hand."""
    width = min(columns.shape[1], _BLOCK)
    height = max(1, _BLOCK // width)
    for top in range(0, rows.shape[1], height):
        block = rows[:, top : top + height]
        for start in range(0, columns.shape[1], width):
            part = columns[:, start : start + width]
            near = np.bitwise_count(block[1][:, None] ^ part[1])
            if len(part) > 2:
                near += np.bitwise_count(block[2][:, None] ^ part[2])
            hits = np.flatnonzero(near <= bits)
            if len(hits):
                row, column = np.divmod(hits, part.shape[1])
                places = block[0][row], part[0][column]
                yield places[0].view(np.int64), places[1].view(np.int64)
