"""Groups of rows by the values of some columns, as numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.selecting.errors import SelectionError

MAX_GROUPS = 1_000_000


class GroupCodes:
    """Numbers the groups that it meets; null is a value like any other.

    Attributes:
      columns: What rows are grouped by.
    """

    def __init__(self, columns: Sequence[str], schema: pa.Schema):
        """Begin without groups.

        Raises:
          SelectionError: If a column has values that rows cannot be grouped by.
        """
        for name in columns:
            kind = schema.field(name).type
            if pa.types.is_nested(kind):
                raise SelectionError(
                    f"--per {name}: rows cannot be grouped by values of type {kind}"
                )
        self.columns = tuple(columns)
        self._values: list[dict[Any, int]] = [{} for _ in columns]
        # Groups by the first two columns, by these and the third, and so on.
        self._pairs = [_Pairs() for _ in columns[1:]]

    def __len__(self) -> int:
        """Return how many groups there are."""
        return len(self._pairs[-1].firsts if self._pairs else self._values[0])

    def keys(self) -> list[tuple[Any, ...]]:
        """Return the values of each group, in order of their numbers."""
        first, *others = [list(values) for values in self._values]
        keys: list[tuple[Any, ...]] = [(value,) for value in first]
        for pairs, values in zip(self._pairs, others, strict=True):
            keys = [
                (*keys[place], values[value])
                for place, value in zip(
                    pairs.firsts.tolist(), pairs.seconds.tolist(), strict=True
                )
            ]
        return keys

    def codes(self, table: pa.Table) -> np.ndarray:
        """Return the number of each row's group, int32 [rows].

        Raises:
          SelectionError: If there are more groups than can be told apart.
        """
        codes = self._numbers(0, table)
        for place, pairs in enumerate(self._pairs, start=1):
            codes = pairs.numbers(codes, self._numbers(place, table))
            self._require_few(len(pairs.firsts))
        return codes

    def _numbers(self, place: int, table: pa.Table) -> np.ndarray:
        """Return the number of each row's value in one column."""
        known = self._values[place]
        places, values = _coded(table.column(self.columns[place]))
        used = np.zeros(len(values), bool)
        used[places] = True
        numbers = np.zeros(len(values), np.int32)
        for one in np.flatnonzero(used).tolist():
            numbers[one] = known.setdefault(values[one], len(known))
        self._require_few(len(known))
        return numbers[places]

    def _require_few(self, count: int) -> None:
        if count > MAX_GROUPS:
            raise SelectionError(
                f"--per {','.join(self.columns)} has more than {MAX_GROUPS:,} groups: "
                "name columns with fewer values"
            )


class _Pairs:
    """Numbers pairs of numbers as they are met.

    Attributes:
      firsts: int64 [pairs], the first number of each, in order of theirs.
      seconds: int64 [pairs], the second ones.
    """

    def __init__(self):
        self.firsts = np.zeros(0, np.int64)
        self.seconds = np.zeros(0, np.int64)
        self._sorted = np.zeros(0, np.int64)
        self._numbers = np.zeros(0, np.int32)

    def numbers(self, firsts: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        """Return the number of each pair, int32 [rows]."""
        mixed = firsts.astype(np.int64) << 32 | seconds
        places, is_known = self._found(mixed)
        if not is_known.all():
            new = np.unique(mixed[~is_known])
            numbers = len(self.firsts) + np.arange(len(new), dtype=np.int32)
            into = np.searchsorted(self._sorted, new)
            self._sorted = np.insert(self._sorted, into, new)
            self._numbers = np.insert(self._numbers, into, numbers)
            self.firsts = np.append(self.firsts, new >> 32)
            self.seconds = np.append(self.seconds, new & 0xFFFF_FFFF)
            places, _ = self._found(mixed)
        return self._numbers[places]

    def _found(self, mixed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not len(self._sorted):
            return np.zeros(len(mixed), np.int64), np.zeros(len(mixed), bool)
        places = np.searchsorted(self._sorted, mixed)
        places = np.minimum(places, len(self._sorted) - 1)
        return places, self._sorted[places] == mixed


def _coded(column: pa.ChunkedArray) -> tuple[np.ndarray, list[Any]]:
    """Return the place of each row's value, and the values, null last."""
    if pa.types.is_dictionary(column.type):
        whole = column.unify_dictionaries().combine_chunks()
    else:
        whole = column.combine_chunks().dictionary_encode()
    if isinstance(whole, pa.ChunkedArray):  # of no chunk, or too large for one
        whole = pa.concat_arrays(whole.chunks)
    values = [_plain(value) for value in whole.dictionary.to_pylist()]
    places = whole.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    return places.astype(np.int64), [*values, None]


def _plain(value: Any) -> Any:
    """Return a value that is equal to itself, which NaN is not."""
    return "NaN" if isinstance(value, float) and value != value else value
