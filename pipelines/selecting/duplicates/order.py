"""Which of two photos is the better one: a total order."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

ORDER_COLUMNS = ("width", "height", "size_bytes", "uri")


def duplicate_order(table: pa.Table, score: str) -> np.ndarray:
    """Return the rank of each photo: higher score, more pixels, more bytes, then URI.

    Args:
      table: Rows with a score and `ORDER_COLUMNS`; nulls come last.
      score: Name of the column by which the best photo is the highest.

    Returns:
      int64 [n]; 0 is the best photo. Of the rest of what rows say, and of their order
      in the table, it does not depend.
    """
    width, height, size = (falling(table.column(one)) for one in ORDER_COLUMNS[:-1])
    uris = table.column("uri")
    return ranks_of(
        [falling(table.column(score)), -width * height, size],
        lambda places: uris.take(pa.array(places)),
    )


def ranks_of(
    keys: Sequence[np.ndarray], uris_of: Callable[[np.ndarray], pa.ChunkedArray]
) -> np.ndarray:
    """Return the rank of each row by keys, the first one first, and by URI at last.

    Args:
      keys: float64 [n] each; the lowest is the best. None is NaN.
      uris_of: Returns the URIs of rows, whose places ascend; asked of tied ones only.

    Returns:
      int64 [n]; 0 is the best.
    """
    count = len(keys[0])
    order = np.lexsort(tuple(keys)[::-1])
    is_tied = np.ones(count, bool)
    is_tied[:1] = False
    for key in keys:
        is_tied[1:] &= key[order][1:] == key[order][:-1]
    in_run = is_tied.copy()
    in_run[:-1] |= is_tied[1:]
    runs = np.flatnonzero(in_run)
    if len(runs):
        order[runs] = _by_uri(order[runs], np.cumsum(~is_tied)[runs], uris_of)
    ranks = np.empty(count, np.int64)
    ranks[order] = np.arange(count)
    return ranks


def falling(column: pa.ChunkedArray) -> np.ndarray:
    """Return numbers as keys by which the highest come first, and nulls last."""
    numbers = column.cast(pa.float64()).to_numpy()
    return np.nan_to_num(-numbers, nan=np.inf)


def _by_uri(
    rows: np.ndarray,
    runs: np.ndarray,
    uris_of: Callable[[np.ndarray], pa.ChunkedArray],
) -> np.ndarray:
    """Return tied rows sorted within their runs."""
    places = np.sort(rows)
    uris = uris_of(places).take(pa.array(np.searchsorted(places, rows)))
    tied = pa.table({"run": runs, "uri": uris, "row": rows})
    in_order = tied.sort_by([("run", "ascending"), ("uri", "ascending")])
    return in_order.column("row").to_numpy()
