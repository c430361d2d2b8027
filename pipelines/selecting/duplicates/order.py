"""Which of two photos is the better one: a total order."""

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
    count = table.num_rows
    values = {
        name: _falling(table.column(name))
        for name in dict.fromkeys((score, *ORDER_COLUMNS[:-1]))
    }
    falling = [values[score], -values["width"] * values["height"], values["size_bytes"]]
    order = np.lexsort(falling[::-1])
    is_tied = np.ones(count, bool)
    is_tied[:1] = False
    for column in falling:
        is_tied[1:] &= column[order][1:] == column[order][:-1]
    ranks = np.empty(count, np.int64)
    ranks[_with_ties_by_uri(table, order, is_tied)] = np.arange(count)
    return ranks


def _falling(column: pa.ChunkedArray) -> np.ndarray:
    """Return numbers so that the highest come first, and nulls last."""
    numbers = column.cast(pa.float64()).to_numpy()
    return np.nan_to_num(-numbers, nan=np.inf)


def _with_ties_by_uri(
    table: pa.Table, order: np.ndarray, is_tied: np.ndarray
) -> np.ndarray:
    """Return the order with runs of ties sorted by URI; only their URIs are read."""
    in_run = is_tied.copy()
    in_run[:-1] |= is_tied[1:]
    places = np.flatnonzero(in_run)
    tied = pa.table(
        {
            "run": np.cumsum(~is_tied)[places],
            "uri": table.column("uri").take(pa.array(order[places])),
            "row": order[places],
        }
    )
    settled = order.copy()
    settled[places] = tied.sort_by([("run", "ascending"), ("uri", "ascending")])[
        "row"
    ].to_numpy()
    return settled
