"""Ranges of names: together they are the whole, whatever the names are."""

import bisect
import itertools
import random
import string
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.storage.name_ranges import PEEKED_NAMES, NameRange, divide_names


class Names:
    """A store of names that counts what it is asked."""

    def __init__(self, names: Sequence[str]):
        self.names = sorted(set(names))
        self.peeks = 0

    def peek(self, after: str) -> Sequence[str]:
        self.peeks += 1
        place = bisect.bisect_right(self.names, after)
        return self.names[place : place + PEEKED_NAMES]

    def of(self, names: NameRange) -> list[str]:
        start = bisect.bisect_right(self.names, names.after)
        found = itertools.islice(self.names, start, None)
        return list(itertools.takewhile(lambda n: not names.is_beyond(n), found))


def divided(store: Names, wanted: int = 32, after: str = "") -> list[list[str]]:
    ranges = divide_names(NameRange(after=after), store.peek, wanted=wanted)
    return [store.of(one) for one in ranges]


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
few_letters = st.text("ab\U0010ffff\ud7ff\ue000/", max_size=8)


@settings(max_examples=300)
@given(
    st.lists(st.one_of(names, few_letters), max_size=50),
    st.sampled_from([0, 90, 200, 1000]),
    names,
    st.integers(1, 100),
)
def test_the_union_of_all_ranges_is_the_whole_and_none_overlap(
    odd, count, after, wanted
):
    store = Names([*odd, *(f"{name}{n}" for name in odd[:3] for n in range(count))])
    found = divided(store, wanted, after)
    assert list(itertools.chain(*found)) == store.of(NameRange(after=after))


def test_a_name_that_is_itself_a_cut_is_in_one_range():
    letters = string.ascii_letters + "{|/"
    store = Names(
        [*letters, *(f"{a}{b}{n}" for a in "az" for b in "az" for n in range(200))]
    )
    found = divided(store)
    assert list(itertools.chain(*found)) == store.names
    assert len(found) > 1


def test_what_comes_and_goes_meanwhile_is_in_one_range_at_most():
    known = random.Random(0)
    store = Names([f"{n:06d}" for n in range(5000)])

    def peek(after: str) -> Sequence[str]:
        store.names = sorted(known.sample(store.names, len(store.names) - 10))
        return Names.peek(store, after)

    ranges = divide_names(NameRange(), peek, wanted=32)
    store.names = [f"{n:06d}" for n in range(5000)]
    assert [n for one in ranges for n in store.of(one)] == store.names


LAYOUTS = {
    "numbers": (f"photos/IMG_{n:07d}.jpg" for n in range(100_000)),
    "hex digits": (f"{random.Random(n).getrandbits(64):016x}" for n in range(100_000)),
    "days": (f"y=2026/m={n % 12:02d}/d={n % 28:02d}/{n}.jpg" for n in range(100_000)),
    "one large folder": (
        f"{n % 300:03d}/a.jpg" if n < 3000 else f"big/{n}.jpg" for n in range(100_000)
    ),
    "Chinese": (
        chr(0x4E00 + n % 5000) + chr(0x4E00 + n // 5000) for n in range(100_000)
    ),
    "flowers": (f"\N{SUNFLOWER}{n}\U0010ffff" for n in range(100_000)),
    "a long common part": (f"{'x' * 500}/{n}.jpg" for n in range(100_000)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_names_of_every_kind_are_shared_out_with_few_requests(layout):
    store = Names(list(LAYOUTS[layout]))
    found = divided(store, wanted=64)
    assert list(itertools.chain(*found)) == store.names
    assert len(found) >= 32
    assert max(map(len, found)) < 0.15 * len(store.names)
    assert store.peeks < 2500


def test_few_names_are_one_range():
    store = Names([f"{n}" for n in range(PEEKED_NAMES - 1)])
    assert divide_names(NameRange(), store.peek, wanted=8) == (NameRange(),)
    assert store.peeks == 1
