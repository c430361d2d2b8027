import pytest
from hypothesis import given
from hypothesis import strategies as st

from musiq_core.programs.batching import TokenBatcher


@given(st.lists(st.integers(1, 150)), st.integers(1, 120), st.integers(1, 7))
def test_every_item_leaves_once_in_batches_that_fit(tokens, row_budget, max_items):
    batcher = TokenBatcher[int](row_budget=row_budget, max_items=max_items)
    batches = [batcher.add(i, count) for i, count in enumerate(tokens)]
    batches += batcher.flush()
    assert sorted(i for batch in batches for i in batch) == list(range(len(tokens)))
    for batch in batches:
        rows = sum(tokens[i] + 1 for i in batch)
        assert len(batch) <= max_items
        assert rows <= row_budget or len(batch) == 1


def test_a_large_item_goes_alone_and_does_not_hurry_the_others():
    batcher = TokenBatcher[str](row_budget=100)
    assert batcher.add("small", 10) == []
    assert batcher.add("large", 100) == ["large"]
    assert batcher.flush() == [["small"]]


def test_flushing_nothing_gives_nothing():
    assert TokenBatcher[int]().flush() == []


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        TokenBatcher[int](row_budget=0)
