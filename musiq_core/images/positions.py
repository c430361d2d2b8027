"""Hash-based 2D positions: which cell of a fixed grid each patch falls into."""

import numpy as np
from jaxtyping import Int32


def hashed_positions(
    rows: int, columns: int, *, grid_size: int
) -> Int32[np.ndarray, " patches"]:
    """Map every patch of a `rows` x `columns` layout to a cell of a fixed grid.

    Images of any shape then share one table of spatial embeddings.

    Args:
      rows: Number of patches along the height, at least 1.
      columns: Number of patches along the width, at least 1.
      grid_size: Cells along one side of the grid (10 in the published model).

    Returns:
      int32 [rows * columns], row by row, values in [0, grid_size ** 2).

    Raises:
      ValueError: If any argument is smaller than 1.

    Source: musiq-spec section 6: floor of a float32 product, not the paper's rounding.
    """
    if min(rows, columns, grid_size) < 1:
        raise ValueError(
            "rows, columns and grid_size must be at least 1, "
            f"got {rows}, {columns}, {grid_size}"
        )
    row_cells = _grid_cells(rows, grid_size)
    column_cells = _grid_cells(columns, grid_size)
    return (row_cells[:, None] * grid_size + column_cells).reshape(-1)


def _grid_cells(count: int, grid_size: int) -> Int32[np.ndarray, " {count}"]:
    """Cell of each of `count` patches along one side.

    The float32 product falls short of the exact quotient for some counts above 204, and
    the published positions have that shortfall in them.
    """
    step = np.float32(grid_size) / np.float32(count)
    cells = np.floor(np.arange(count, dtype=np.float32) * step)
    return np.minimum(cells, grid_size - 1).astype(np.int32)
