"""When too much has failed for the rest to be published, and what is said then."""

import dataclasses

import pytest
from helpers.scoring_runs import tiny_run
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scoring.planning.failure_budget import (
    FailureBudgetError,
    in_words,
    is_over_budget,
    require_within_budget,
)
from pipelines.scoring.planning.lost_shards import LostShard
from schemas.failures import Failure

RATES = st.floats(0, 1)


@pytest.mark.parametrize(
    ("tried", "failed", "rate", "is_over"),
    [
        (19, 19, 0.05, False),
        (20, 20, 0.05, True),
        (20, 1, 0.05, False),
        (20, 3, 0.05, False),
        (20, 4, 0.05, True),
        (25, 2, 0.05, False),
        (30, 4, 0.05, False),
        (30, 5, 0.05, True),
        (50, 5, 0.05, False),
        (50, 6, 0.05, True),
        (50, 50, 0.05, True),
        (99, 9, 0.05, False),
        (99, 10, 0.05, True),
        (100, 5, 0.05, False),
        (100, 6, 0.05, True),
        (20, 1, 0.0, True),
        (20, 0, 0.0, False),
        (99, 99, 1.0, False),
        (1_000_000, 50_000, 0.05, False),
        (1_000_000, 50_001, 0.05, True),
    ],
)
def test_few_images_stop_a_night_only_beyond_chance(tried, failed, rate, is_over):
    assert is_over_budget(tried, failed, rate) is is_over


@given(st.integers(0, 300), st.data(), RATES)
def test_more_failures_and_a_lower_budget_never_help(tried, data, rate):
    failed = data.draw(st.integers(0, tried))
    lower = data.draw(st.floats(0, rate))
    if is_over_budget(tried, failed, rate):
        assert failed > rate * tried
        assert is_over_budget(tried, failed, lower)
        assert failed == tried or is_over_budget(tried, failed + 1, rate)


@given(st.dictionaries(st.sampled_from(Failure), st.integers(1, 99), min_size=1))
def test_the_failures_that_are_told_add_up(failures):
    told = in_words({name.value: count for name, count in failures.items()})
    counts = [int(part.split()[0]) for part in told.split(", ")]
    assert sum(counts) == sum(failures.values())
    assert len(counts) <= 4


def message(tried, failures, lost=None, **settings) -> str:
    with pytest.raises(FailureBudgetError) as caught:
        require_within_budget(
            tried, failures, tiny_run("/ledger"), lost=lost or {}, **settings
        )
    return str(caught.value)


def test_the_message_names_rate_reasons_flag_and_rows():
    failures = {"truncated": 4, "timeout": 3, "empty": 2, "changed": 1, "too_large": 1}
    assert message(50, failures) == (
        "11 of 50 images failed (4 truncated, 3 timeout, 2 empty, 2 others), more than "
        "--max_failure_rate 0.05 allows, so nothing was published; the rows are kept "
        "in /ledger/runs/run"
    )


def lost_shard(name: str, failure=Failure.NOT_FOUND) -> LostShard:
    return LostShard(uri=f"/s/{name}.tar", source=0, failure=failure, images=0)


LOST = {lost_shard("7"): 250, lost_shard("8", Failure.TRUNCATED): 50}


def test_a_lost_file_weighs_as_the_images_that_it_held():
    told = message(702, {"not_found": 1, "truncated": 1}, LOST)
    assert told == (
        "300 of 1000 images failed (250 not_found, 50 truncated), more than "
        "--max_failure_rate 0.05 allows, so nothing was published; the rows are kept "
        "in /ledger/runs/run; 300 images are taken to be lost with 2 files of images, "
        "such as 250 with /s/7.tar (not_found)"
    )
    early = message(702, {"not_found": 1, "truncated": 1}, LOST, is_scored=False)
    assert "allows, so nothing was scored or published; 300 images" in early
    run = tiny_run("/ledger")
    require_within_budget(702, {"not_found": 1, "truncated": 1}, run, lost={})
    require_within_budget(99_702, {"not_found": 1, "truncated": 1}, run, lost=LOST)


def test_a_file_that_held_one_image_is_no_more_than_its_row():
    lost = dict.fromkeys(LOST, 1)
    assert "files of images" not in message(20, {"not_found": 20}, lost)


def test_what_was_asked_for_counts():
    run = tiny_run("/ledger", max_failure_rate=0.5)
    require_within_budget(100, {"empty": 50}, run, lost={})
    with pytest.raises(FailureBudgetError, match=r"--max_failure_rate 0\.5 allows"):
        require_within_budget(100, {"empty": 51}, run, lost={})
    assert dataclasses.asdict(run.limits)["max_failure_rate"] == 0.5
