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
      keys: Values of each group, in order of their numbers.
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
        self.keys: list[tuple[Any, ...]] = []
        self._numbers: dict[tuple[Any, ...], int] = {}

    def codes(self, table: pa.Table) -> np.ndarray:
        """Return the number of each row's group, int32 [rows].

        Raises:
          SelectionError: If there are more groups than can be told apart.
        """
        mixed = np.zeros(table.num_rows, np.int64)
        values: list[list[Any]] = []
        for name in self.columns:
            places, of_column = _coded(table.column(name))
            mixed = mixed * len(of_column) + places
            values.append(of_column)
            if np.prod([len(one) for one in values], dtype=float) > 2**62:
                raise _too_many(self.columns)
        found, places = np.unique(mixed, return_inverse=True)
        numbers = np.array([self._number(one, values) for one in found], np.int32)
        return numbers[places] if len(found) else np.zeros(0, np.int32)

    def _number(self, mixed: int, values: Sequence[list[Any]]) -> int:
        key: list[Any] = []
        for of_column in reversed(values):
            mixed, place = divmod(int(mixed), len(of_column))
            key.append(of_column[place])
        whole = tuple(reversed(key))
        if whole not in self._numbers:
            if len(self._numbers) == MAX_GROUPS:
                raise _too_many(self.columns)
            self._numbers[whole] = len(self.keys)
            self.keys.append(whole)
        return self._numbers[whole]


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


def _too_many(columns: Sequence[str]) -> SelectionError:
    return SelectionError(
        f"--per {','.join(columns)} has more than {MAX_GROUPS:,} groups: name columns "
        "with fewer values"
    )
