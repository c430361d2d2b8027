"""Slices hold whole parts and whole shards; what gets lost is noticed."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.scoring.carried.columns import CarriedColumns
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.listing import ListingCounts
from pipelines.scoring.planning.lost_shards import ShardTally
from pipelines.scoring.planning.plan import KeptRow, PlanCounts
from pipelines.scoring.slices.findings import (
    Decided,
    Named,
    keep,
    keep_written,
    load,
    slices_of,
)
from pipelines.scoring.slices.spill import Spill, SpillError, SpillValues
from schemas.ledger import shard_of
from schemas.manifest import CountsError

COUNTS = st.sampled_from([1, 2, 8, 32])


def spill_of(values, folder, parts: int) -> Spill:
    step = SpillValues(str(folder), parts)
    step.start_bundle()
    files = [path for value in values for path in step.process(value)]
    return Spill((*files, *step.drain()), parts)


def decided_of(folder, parts: int, *, to_score: int, kept: int) -> Decided:
    nothing = Spill((), parts)
    named = Named(
        listing=ListingCounts(),
        shards=ShardTally(),
        columns=CarriedColumns(),
        images=nothing,
        journal=nothing,
    )
    refs = [ImageRef(uri=f"/{n}", key="", order=(n,)) for n in range(to_score)]
    rows = [KeptRow(uri=f"/kept-{n}") for n in range(kept)]
    return Decided(
        named=named,
        listing=named.listing,
        planned=PlanCounts(),
        rows=to_score + kept,
        to_score=spill_of(refs, folder, parts),
        to_check=nothing,
        kept=spill_of(rows, folder, parts),
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=COUNTS,
    images_per_slice=st.integers(1, 50),
    rows_per_shard=st.integers(1, 50),
    to_score=st.integers(0, 60),
    kept=st.integers(0, 60),
)
def test_every_row_is_in_the_slice_of_its_part_and_of_its_shard(
    tmp_path, parts, images_per_slice, rows_per_shard, to_score, kept
):
    decided = decided_of(tmp_path, parts, to_score=to_score, kept=kept)
    slices = slices_of(
        decided, images_per_slice=images_per_slice, rows_per_shard=rows_per_shard
    )
    assert sorted(part for one in slices for part in one.parts) == list(range(parts))
    assert sum(one.rows for one in slices) == decided.rows
    assert sum(one.to_score for one in slices) == to_score
    for uri in [f"/{n}" for n in range(to_score)] + [f"/kept-{n}" for n in range(kept)]:
        [one] = [one for one in slices if shard_of(uri, parts) in one.parts]
        assert shard_of(uri, one.shard_count) in one.shards


def test_rows_that_are_taken_over_make_larger_slices(tmp_path):
    def count(to_score, kept):
        decided = decided_of(tmp_path, 64, to_score=to_score, kept=kept)
        return len(slices_of(decided, images_per_slice=10, rows_per_shard=1))

    assert [count(40, 0), count(0, 40), count(0, 400)] == [4, 1, 4]


def test_a_slice_that_lost_rows_is_not_kept(tmp_path):
    decided = decided_of(tmp_path, 2, to_score=3, kept=0)
    [one] = slices_of(decided, images_per_slice=9, rows_per_shard=9)
    with pytest.raises(CountsError, match="0 of 3 rows of slice 1 were written"):
        keep_written(one, [], to=str(tmp_path / "written"))
    keep_written(dataclasses.replace(one, rows=0), [], to=str(tmp_path / "written"))
    assert load(str(tmp_path / "written")) == ()


def test_what_was_not_kept_was_lost(tmp_path):
    with pytest.raises(CountsError, match="the engine lost what it had found out"):
        load(str(tmp_path / "absent"))


def test_what_cannot_be_kept_is_one_line(tmp_path):
    with pytest.raises(SpillError, match="cannot keep what is planned on the local"):
        keep(1, str(tmp_path / "absent" / "file"))
