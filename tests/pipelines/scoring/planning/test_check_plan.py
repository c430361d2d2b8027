"""What must hold of a plan before anything is scored."""

import dataclasses

import pytest
from helpers.scoring_runs import tiny_run

from pipelines.scoring.config import Vanished
from pipelines.scoring.listing import ListingCounts
from pipelines.scoring.planning.check_plan import VanishedError, check_plan
from pipelines.scoring.planning.failure_budget import FailureBudgetError
from pipelines.scoring.planning.lost_shards import LostShard, ShardTally
from pipelines.scoring.planning.plan import PlanCounts
from pipelines.scoring.planning.previous_state import PreviousState
from pipelines.scoring.run import Run
from schemas.failures import Failure
from schemas.manifest import CountsError, LedgerFile


def after(rows: int, *, marked: int = 0, is_reusable: bool = True, **asked) -> Run:
    """A run on a ledger of some rows, of which some are marked as vanished."""
    file = LedgerFile(path="p", shard=0, rows=rows, size_bytes=1, sha256="")
    previous = PreviousState(
        ledger="/ledger",
        shard_count=1,
        files=(file,),
        vanished=marked,
        is_reusable=is_reusable,
    )
    return dataclasses.replace(tiny_run("/ledger", **asked), previous=previous)


def check(run: Run, *, shards: ShardTally | None = None, **planned) -> None:
    counts = PlanCounts(**planned)
    listing = ListingCounts(named=counts.named + counts.repeats, inputs=1)
    assert check_plan(run, listing, counts, shards or ShardTally())


def test_an_input_that_no_longer_names_much_of_the_ledger_is_refused():
    with pytest.raises(VanishedError) as caught:
        check(after(400), published=400, vanished=250, examples=("/a.jpg", "/b.jpg"))
    assert str(caught.value) == (
        "the input no longer names 250 of the 400 photos of /ledger, such as /a.jpg "
        "and /b.jpg, more than --max_vanished_rate 0.2 allows, so nothing was scored "
        "or published: is a share mounted in part, or is this another --input for the "
        "same --output? If they are meant to go, run again with --max_vanished_rate 1"
    )


@pytest.mark.parametrize(
    ("rows", "vanished", "asked", "is_refused"),
    [
        (100, 20, {}, False),
        (100, 21, {}, True),
        (19, 19, {}, False),
        (20, 5, {}, True),
        (20, 4, {}, False),
        (100, 100, {"max_vanished_rate": 1.0}, False),
        (100, 1, {"max_vanished_rate": 0.0}, True),
        (100, 51, {"max_vanished_rate": 0.5}, True),
        (100, 100, {"vanished": Vanished.MARK}, False),
    ],
)
@pytest.mark.parametrize("is_reusable", [True, False])
def test_a_fifth_of_twenty_photos_or_more_may_vanish(
    rows, vanished, asked, is_refused, is_reusable
):
    run = after(rows, is_reusable=is_reusable, **asked)
    planned = {"published": rows, "vanished": vanished, "examples": ("x",)}
    if is_refused or ("vanished" in asked and not is_reusable):
        with pytest.raises(VanishedError, match="photos of /ledger, such as x, more"):
            check(run, **planned)
    else:
        check(run, **planned)


def test_rows_that_were_marked_before_do_not_vanish_again():
    run = after(150, marked=50)
    check(run, published=150, vanished=70)
    with pytest.raises(VanishedError, match="names 21 of the 100 photos"):
        check(run, published=150, vanished=71, examples=("x",))


def test_a_new_ledger_has_nothing_to_lose():
    check(tiny_run("/ledger"), named=5, untried=5)


@pytest.mark.parametrize(
    ("listing", "planned", "told"),
    [
        (
            5,
            {"named": 4, "published": 9},
            "planning met 4 of 5 images and 9 of",
        ),
        (
            5,
            {"named": 5, "published": 8},
            "planning met 5 of 5 images and 8 of",
        ),
    ],
)
def test_what_got_lost_before_planning_does_not_pass_for_vanished(
    listing, planned, told
):
    with pytest.raises(CountsError, match=f"so nothing was published: {told} the led"):
        check_plan(
            after(9),
            ListingCounts(named=listing, inputs=1),
            PlanCounts(**planned),
            ShardTally(),
        )


def test_more_lost_with_files_of_images_than_may_fail_is_told_before_scoring():
    lost = LostShard(uri="/s/0.tar", source=0, failure=Failure.UNREADABLE, images=0)
    tally = ShardTally(whole={0: 9}, images={0: 900}, lost=(lost,))
    with pytest.raises(FailureBudgetError) as caught:
        check(tiny_run("/ledger"), shards=tally, named=901, untried=901)
    assert str(caught.value) == (
        "100 of 1000 images failed (100 unreadable), more than --max_failure_rate 0.05 "
        "allows, so nothing was scored or published; 100 images are taken to be lost "
        "with /s/0.tar (unreadable)"
    )
    check(
        tiny_run("/ledger", max_failure_rate=0.1), shards=tally, named=901, untried=901
    )


def test_rows_of_a_lost_file_weigh_as_failed_and_then_as_vanished():
    lost = LostShard(uri="/s/0.tar", source=0, failure=Failure.UNREADABLE, images=0)
    planned = {
        "named": 101,
        "published": 200,
        "vanished": 100,
        "examples": ("/s/0.tar#a",),
        "held": {"/s/0.tar": 100},
        "vanished_from": {"/s/0.tar": 100},
        "untried": 1,
    }
    tally = ShardTally(whole={0: 1}, images={0: 100}, lost=(lost,))
    with pytest.raises(FailureBudgetError, match="100 of 100 images failed"):
        check(after(200), shards=tally, **planned)
    with pytest.raises(VanishedError, match="names 100 of the 200 photos"):
        check(after(200, max_failure_rate=1.0), shards=tally, **planned)
    known = planned | {"failed_before": frozenset({"/s/0.tar"}), "untried": 0}
    check(after(200, max_vanished_rate=0.5), shards=tally, **known)
