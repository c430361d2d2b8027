"""Listing stops soon after there are more refs than one graph takes."""

import itertools

import pytest

from pipelines.scoring.slices.refs_at_once import (
    RefCount,
    RefsAtOnce,
    TooManyRefsError,
)


def refs_until_too_many(counts: list[RefCount]) -> int:
    """How many refs workers list in turn before one of them stops."""
    for number, count in enumerate(itertools.cycle(counts)):
        try:
            count.add()
        except TooManyRefsError:
            return number
        assert number < 10**6
    return 0


@pytest.mark.parametrize(
    ("most", "workers"), [(3, 1), (3, 2), (10_000, 1), (10_000, 4)]
)
def test_all_workers_together_stop_soon(tmp_path, most, workers):
    limit = RefsAtOnce(most=most, file=str(tmp_path / "listed"))
    found = refs_until_too_many([RefCount(limit) for _ in range(workers)])
    assert most <= found <= most * (1 + workers / 1000) + workers


def test_a_listing_that_starts_again_counts_anew(tmp_path):
    limit = RefsAtOnce(most=3, file=str(tmp_path / "listed"))
    for _ in range(3):
        limit.start_anew()
        assert refs_until_too_many([RefCount(limit)]) == 3


def test_without_a_limit_nothing_is_counted(tmp_path):
    count = RefCount(None)
    for _ in range(10):
        count.add()
    assert not list(tmp_path.iterdir())
