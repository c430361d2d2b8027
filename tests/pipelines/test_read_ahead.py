import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.read_ahead import ReadAhead


@given(st.lists(st.integers()), st.integers(0, 5), st.integers(1, 4))
def test_every_result_comes_once_and_in_order(items, depth, threads):
    ahead = ReadAhead[int, int](lambda n: 2 * n, depth=depth, threads=threads)
    results = [result for item in items for result in ahead.add(item)]
    assert len(results) == max(0, len(items) - depth)
    results += ahead.drain()
    ahead.close()
    assert results == [2 * item for item in items]


def test_the_next_elements_are_worked_on_while_the_first_is_used():
    begun = threading.Barrier(3)  # passes only when three calls are under way at once

    def work(item: int) -> int:
        begun.wait(10)
        return item

    ahead = ReadAhead[int, int](work, depth=3, threads=3)
    assert [r for item in (1, 2, 3) for r in ahead.add(item)] == []
    assert list(ahead.drain()) == [1, 2, 3]
    ahead.close()


def test_an_error_is_raised_where_its_result_is_due():
    ahead = ReadAhead[int, float](lambda n: 1 / n, depth=1)
    assert list(ahead.add(0)) == []
    with pytest.raises(ZeroDivisionError):
        list(ahead.add(1))
    assert list(ahead.drain()) == [1.0]
    ahead.close()


def test_what_is_forgotten_does_not_come_back():
    ahead = ReadAhead[int, int](abs, depth=2)
    list(ahead.add(-1))
    ahead.forget()
    list(ahead.add(-2))
    assert list(ahead.drain()) == [2]
    ahead.close()


def test_a_negative_depth_is_refused():
    with pytest.raises(ValueError, match="depth must be at least 0"):
        ReadAhead[int, int](abs, depth=-1)
