"""Ranges of which no damaged byte passes, shown on a store that damages them."""

import contextlib
import datetime
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.storage import ObjectRefused, StoredObject, read_agreed, read_checked
from schemas.failures import Failure

DATA = np.random.default_rng(0).bytes(100_000)
LISTED = StoredObject(
    uri="x://x",
    size_bytes=len(DATA),
    generation="1",
    modified_at=datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
)


class FaultyStore:
    """A store whose n-th answer is changed by the n-th function, if there is one."""

    def __init__(self, *changes: Callable[[bytes], bytes] | None, then=None):
        self.asked: list[tuple[int, int]] = []
        self._changes = list(changes)
        self._then = then

    def read_part(self, listed, start, end):
        self.asked.append((start, end))
        if (start, end) == (0, listed.size_bytes):
            return DATA  # as stores check what is whole
        change = self._changes.pop(0) if self._changes else self._then
        data = DATA[start:end]
        return change(data) if change else data


def flipped_in_the_middle(data: bytes) -> bytes:
    half = len(data) // 2
    return data[:half] + bytes([data[half] ^ 1]) + data[half + 1 :]


def zeroed_half(data: bytes) -> bytes:
    half = len(data) // 2
    return data[:half] + bytes(len(data) - half)


def flipped_first(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


DAMAGES = [flipped_in_the_middle, zeroed_half, flipped_first]


def read(store, start, end):
    return read_agreed(store, LISTED, start, end)


@settings(deadline=None)
@given(st.integers(0, len(DATA)), st.integers(0, len(DATA)))
def test_sound_bytes_take_two_reads(one, other):
    start, end = sorted((one, other))
    store = FaultyStore()
    assert read(store, start, end) == DATA[start:end]
    assert len(store.asked) == (2 if start < end else 0)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("changes", [[1], [0, 1], [1, 1], [1, 0, 1], [1, 1, 1, 1]])
def test_damaged_bytes_are_read_again_until_two_reads_agree(damage, changes):
    store = FaultyStore(*(damage if bad else None for bad in changes))
    assert read(store, 300, 1300) == DATA[300:1300]
    assert len(store.asked) <= len(changes) + (1 if 0 in changes else 2)


@settings(deadline=None)
@given(
    st.sampled_from(DAMAGES),
    st.integers(1, len(DATA) - 1000),
    st.integers(1000, len(DATA)),
)
def test_the_same_damage_of_every_answer_never_passes(damage, start, size_bytes):
    if damage is zeroed_half:  # not told from zeros at the end of an object
        start, size_bytes = start % 20_000 + 1, size_bytes % 10_000 + 1000
    end = min(start + size_bytes, len(DATA))
    with contextlib.suppress(ObjectRefused):
        data = read(FaultyStore(then=damage), start, end)
        assert data == DATA[start:end]


def test_what_is_other_whenever_it_is_read_is_a_read_error():
    with pytest.raises(ObjectRefused, match="are others whenever") as caught:
        read(FaultyStore(then=flipped_in_the_middle), 30_000, 60_000)
    assert caught.value.failure is Failure.READ_ERROR


def test_no_two_reads_of_a_part_ask_for_the_same_bytes():
    for start, end in ((0, 9000), (30_000, len(DATA)), (500, 9000)):
        store = FaultyStore(*[flipped_in_the_middle] * 4)
        read(store, start, end)
        assert len(set(store.asked)) == len(store.asked) > 2


def test_bytes_with_a_checksum_take_one_read_and_more_only_if_damaged():
    store = FaultyStore(flipped_first, zeroed_half)
    right = DATA[5:900]
    assert read_checked(store, LISTED, 5, 900, right.__eq__) == right
    assert store.asked == [(5, 900)] * 3
    store = FaultyStore()
    assert read_checked(store, LISTED, 5, 900, right.__eq__) == right
    assert len(store.asked) == 1


def test_bytes_that_never_fit_their_checksum_are_a_read_error():
    store = FaultyStore(then=flipped_first)
    with pytest.raises(ObjectRefused, match="do not match their checksum") as caught:
        read_checked(store, LISTED, 5, 900, DATA[5:900].__eq__)
    assert caught.value.failure is Failure.READ_ERROR
    assert len(store.asked) == 3
