from hypothesis import given
from hypothesis import strategies as st

from schemas.left_out import LeftOut, add_left_out

COUNTED = st.lists(
    st.builds(
        LeftOut,
        reason=st.sampled_from(["videos", "sound", "checksums"]),
        count=st.integers(1, 9),
        example=st.none() | st.sampled_from(["a.mov", "b.wav"]),
    )
)


def test_there_is_one_entry_a_reason_with_the_first_example_by_name():
    told = add_left_out(
        [
            LeftOut(reason="videos", example="b.mov"),
            LeftOut(reason="rows of failed downloads", count=7),
            LeftOut(reason="videos", count=2, example="a.mov"),
            LeftOut(reason="videos"),
        ]
    )
    assert told == (
        LeftOut(reason="rows of failed downloads", count=7),
        LeftOut(reason="videos", count=4, example="a.mov"),
    )


@given(COUNTED, COUNTED)
def test_counts_may_be_added_in_parts_and_in_any_order(some, others):
    together = add_left_out([*others, *some])
    assert together == add_left_out([*add_left_out(some), *add_left_out(others)])
    assert sum(o.count for o in together) == sum(o.count for o in [*some, *others])
