"""What listing counts, where it is listed."""

import re

import pytest
from apache_beam.pvalue import TaggedOutput

from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.input import Input, InputKind
from pipelines.scoring.listing import (
    LISTED,
    ListingCounts,
    ListShard,
    add_listing_counts,
)
from pipelines.scoring.shards.shard import Shard, ShardFormat
from schemas.left_out import LeftOut


class GapsFormat(ShardFormat):
    """Files in which every line is an image, but for empty ones."""

    names = re.compile(r"\.gaps$")

    def list(self, shard, found, file):
        for place, line in enumerate(file):
            if line.strip():
                name = f"{shard.uri}#{place}"
                yield shard.ref(place=place, name=name, key=name, listed=found)
            else:
                yield LeftOut(reason="empty lines", example=f"{shard.uri}#{place}")

    def read(self, found, parts, *, max_bytes):
        raise NotImplementedError


@pytest.fixture
def listed(tmp_path):
    (tmp_path / "a.gaps").write_text("x\n\nx\n\n\nx\n")
    uri = str(tmp_path / "a.gaps")
    source = Input(number=0, uri=uri, kind=InputKind.SHARD)
    shard = Shard(
        uri=uri, key="a.gaps", format=GapsFormat(), order=(0, 0), source=source
    )
    return list(ListShard().process(shard))


def test_what_a_shard_leaves_out_is_counted_and_is_no_image(listed, tmp_path):
    *refs, last = [one for one in listed if getattr(one, "tag", LISTED) == LISTED]
    assert [type(ref) for ref in refs] == [ImageRef] * 3
    assert isinstance(last, TaggedOutput)
    assert last.tag == LISTED
    first = f"{tmp_path}/a.gaps#1"
    assert last.value == ListingCounts(
        named=6,
        listed_shards=1,
        left_out=(LeftOut(reason="empty lines", count=3, example=first),),
    )


def test_counts_of_several_listings_are_one_with_a_line_a_reason():
    def counts(named: int, **left_out: int) -> ListingCounts:
        told = (LeftOut(reason=r, count=c) for r, c in left_out.items())
        return ListingCounts(named=named, inputs=1, left_out=tuple(told))

    together = add_listing_counts([counts(9, videos=2), counts(4, videos=1, sound=3)])
    assert together.named == 13
    assert {one.reason: one.count for one in together.left_out} == {
        "sound": 3,
        "videos": 3,
    }
