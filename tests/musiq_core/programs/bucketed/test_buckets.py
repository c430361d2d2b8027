import pytest
from hypothesis import given
from hypothesis import strategies as st

from musiq_core.programs.batching import BucketBatcher
from musiq_core.programs.bucketed.buckets import BUCKETS, bucket_for, images_of


@given(st.integers(1, BUCKETS[-1]))
def test_a_bucket_holds_its_image_with_little_to_spare(rows):
    bucket = bucket_for(rows)
    assert rows <= bucket
    assert bucket < 1.25 * rows or bucket == BUCKETS[0]


def test_buckets_ascend_to_the_largest_image():
    assert list(BUCKETS) == sorted(set(BUCKETS))
    assert BUCKETS[-1] == 65536
    with pytest.raises(ValueError, match=r"row_count must be in 1\.\.65536"):
        bucket_for(65537)


@given(st.lists(st.integers(1, 3000)), st.integers(1, 5000))
def test_every_item_leaves_once_with_others_of_its_length(tokens, batch_rows):
    batcher = BucketBatcher[int](batch_rows=batch_rows)
    complete = [batcher.add(i, count) for i, count in enumerate(tokens)]
    incomplete = batcher.flush()
    assert sorted(i for b in complete + incomplete for i in b) == list(
        range(len(tokens))
    )
    for batch in filter(None, complete + incomplete):
        [bucket] = {bucket_for(tokens[i] + 1) for i in batch}
        assert len(batch) <= images_of(bucket, batch_rows)
    assert batcher.flush() == []
