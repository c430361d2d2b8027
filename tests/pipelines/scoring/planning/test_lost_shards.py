"""How many images are lost with a file of images."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.make_shards import small_images, tar_of
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scoring.inputs import list_input, resolve_inputs
from pipelines.scoring.listing import TALLIES, ListShard
from pipelines.scoring.planning.lost_shards import (
    LostShard,
    ShardTally,
    add_tallies,
    lost_images,
)
from pipelines.scoring.planning.plan import PlanCounts
from schemas.failures import Failure


def lost(name="a", *, source=0, images=0, holds=None) -> LostShard:
    return LostShard(
        uri=name, source=source, failure=Failure.TRUNCATED, images=images, holds=holds
    )


def weight(shard: LostShard, planned: PlanCounts | None = None) -> int:
    tally = ShardTally(whole={0: 3, 1: 1}, images={0: 31, 1: 500}, lost=(shard,))
    [found] = lost_images(tally, planned or PlanCounts()).values()
    return found


def test_rows_of_the_ledger_that_vanish_with_a_file_are_lost():
    planned = PlanCounts(held={"a": 60}, vanished_from={"a": 25})
    assert weight(lost(images=35), planned) == 25
    assert weight(lost(images=60), PlanCounts(held={"a": 60})) == 1


def test_a_file_says_how_many_it_holds():
    assert weight(lost(images=40, holds=100)) == 60
    assert weight(lost(images=100, holds=100)) == 1


def test_of_a_new_file_as_many_are_taken_to_be_lost_as_others_of_its_input_hold():
    assert weight(lost()) == 10
    assert weight(lost(images=4)) == 6
    assert weight(lost(images=400)) == 1
    assert weight(lost(source=1)) == 500
    assert weight(lost(source=2)) == 1


def test_a_file_that_was_lost_before_is_not_lost_again():
    tally = ShardTally(lost=(lost("a"), lost("b")))
    found = lost_images(tally, PlanCounts(failed_before=frozenset("a")))
    assert found == {lost("b"): 1}


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), max_size=9))
def test_tallies_add_up_however_they_are_grouped(files):
    ones = [ShardTally(whole={n: 1}, images={n: count}) for n, count in files]
    ones.append(ShardTally(lost=(lost(),)))
    whole = add_tallies(ones)
    half = len(ones) // 2
    halves = [add_tallies(ones[:half]), add_tallies(ones[half:])]
    assert add_tallies([*halves, ShardTally()]) == whole
    assert sum(whole.images.values()) == sum(count for _, count in files)
    assert whole.lost == (lost(),)


def tally_of(pattern: object) -> ShardTally:
    """What listing tells of the files of images that one input names."""
    [one] = resolve_inputs([str(pattern)], uri_column="uri")
    step = ListShard()
    found = [out for shard in list_input(one) for out in step.process(shard)]
    tags = [out for out in found if getattr(out, "tag", None) == TALLIES]
    return add_tallies(out.value for out in tags)


@pytest.fixture
def shards(tmp_path):
    """Three archives of five images, and the bytes of one more."""
    images = small_images(5)
    data = tar_of((f"{n}.png", image) for n, image in enumerate(images))
    for number in range(3):
        (tmp_path / f"{number}.tar").write_bytes(data)
    return tmp_path, data


@pytest.mark.parametrize(
    ("damage", "failure"),
    [
        (lambda data: data[:4000], Failure.TRUNCATED),
        (lambda data: b"\x01" * len(data), Failure.UNREADABLE),
        (lambda data: None, Failure.NOT_FOUND),
    ],
)
def test_a_damaged_archive_is_lost_with_what_its_siblings_hold(shards, damage, failure):
    folder, data = shards
    damaged = damage(data)
    if damaged is not None:
        (folder / "3.tar").write_bytes(damaged)
    tally = tally_of(folder / "{0..3}.tar")
    [one] = tally.lost
    assert (one.uri, one.failure) == (f"{folder}/3.tar", failure)
    assert (tally.whole, tally.images) == ({0: 3}, {0: 15})
    assert one.images < 5
    assert lost_images(tally, PlanCounts()) == {one: 5 - one.images}


def test_the_footer_of_a_parquet_file_says_what_was_lost(tmp_path):
    table = pa.table({"image": small_images(6), "key": [f"key {n}" for n in range(6)]})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, row_group_size=2, compression="none")
    data = bytearray(path.read_bytes())
    column = pq.read_metadata(path).row_group(2).column(1)
    data[column.data_page_offset : column.data_page_offset + 8] = b"\xff" * 8
    path.write_bytes(data)
    tally = tally_of(path)
    [one] = tally.lost
    assert (one.images, one.holds) == (4, 6)
    assert lost_images(tally, PlanCounts()) == {one: 2}
