import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musiq_core.images.positions import hashed_positions


def test_seven_patches_hash_to_the_published_cells():
    cells = hashed_positions(1, 7, grid_size=10)
    assert cells.tolist() == [0, 1, 2, 4, 5, 7, 8]


@given(st.integers(1, 204), st.integers(1, 204))
def test_up_to_204_patches_the_cell_is_the_exact_quotient(rows, columns):
    cells = hashed_positions(rows, columns, grid_size=10).reshape(rows, columns)
    expected_rows = np.arange(rows) * 10 // rows
    expected_columns = np.arange(columns) * 10 // columns
    assert (cells == expected_rows[:, None] * 10 + expected_columns).all()


def test_float32_shortfall_of_the_published_code_is_kept():
    def differs(count):
        return (
            hashed_positions(1, count, grid_size=10) != np.arange(count) * 10 // count
        ).any()

    different = [count for count in range(1, 2000) if differs(count)]
    assert different[0] == 205
    assert len(different) == 63


@pytest.mark.parametrize("sizes", [(0, 1, 10), (1, 0, 10), (1, 1, 0)])
def test_empty_layouts_are_refused(sizes):
    rows, columns, grid_size = sizes
    with pytest.raises(ValueError, match="must be at least 1"):
        hashed_positions(rows, columns, grid_size=grid_size)
