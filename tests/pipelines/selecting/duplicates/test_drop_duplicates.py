"""What is dropped is what going through the photos one by one drops."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.selecting.duplicates import comparing, leaders
from pipelines.selecting.duplicates.bands import Banding, distances, words_of
from pipelines.selecting.duplicates.drop_duplicates import (
    Duplicates,
    drop_duplicates,
)
from pipelines.selecting.duplicates.order import duplicate_order

BITS = (0, 1, 7, 14, 15, 16, 20, 30, 31)


def flipped(hashes: np.ndarray, counts: np.ndarray, random) -> np.ndarray:
    """Hashes with so many of their bits turned."""
    bits = np.unpackbits(hashes, axis=1)
    places = random.random(bits.shape).argsort(axis=1)
    np.put_along_axis(
        bits,
        places,
        np.take_along_axis(bits, places, 1) ^ (np.arange(256) < counts[:, None]),
        1,
    )
    return np.packbits(bits, axis=1)


def hashes_with_copies(count: int, seed: int, sources: int) -> np.ndarray:
    """Hashes of which many are near others: in crowds, in chains and alone."""
    random = np.random.default_rng(seed)
    hashes = random.integers(0, 256, (count, 32), np.uint8)
    for one in range(1, count):
        if random.random() < 0.7:
            hashes[one] = hashes[random.integers(0, min(one, sources))]
    return flipped(hashes, random.integers(0, 34, count) // 2, random)


def one_by_one(
    hashes: np.ndarray, quality: np.ndarray, order: np.ndarray, bits: int
) -> tuple[np.ndarray, np.ndarray]:
    words = words_of(hashes)
    kept_by, distance = np.arange(len(words)), np.zeros(len(words), np.int16)
    kept: list[int] = []
    for photo in np.argsort(order):
        if quality[photo] < 50:
            continue
        found = distances(words[kept], words[[photo] * len(kept)])
        near = np.flatnonzero(found <= bits)
        if len(near):
            kept_by[photo], distance[photo] = kept[near[0]], found[near[0]]
        else:
            kept.append(int(photo))
    return kept_by, distance


def require_promises(found: Duplicates, hashes, quality, order, bits) -> None:
    words = words_of(hashes)
    np.testing.assert_array_equal(
        found.distance, distances(words, words[found.kept_by])
    )
    assert found.distance.max(initial=0) <= bits
    assert found.is_kept[found.kept_by].all()
    assert (order[found.kept_by] <= order).all()
    [kept] = np.nonzero(found.is_kept & (quality >= 50))
    for photo in kept:
        others = kept[kept != photo]
        assert (distances(words[others], words[[photo] * len(others)]) > bits).all()


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("is_large", [False, True])
def test_it_is_as_one_by_one_also_bucket_by_bucket(bits, is_large, monkeypatch):
    if is_large:
        monkeypatch.setattr(comparing, "_FEWEST_BUCKETED", 32)
        monkeypatch.setattr(comparing, "_BUCKET_BITS", 2)
        monkeypatch.setattr(comparing, "_BLOCK", 200)
        monkeypatch.setattr(leaders, "_FEW", 16)
        monkeypatch.setattr(leaders, "_MOST_PAIRS", 120)
    hashes = hashes_with_copies(300, seed=bits, sources=40)
    random = np.random.default_rng(bits)
    quality, order = random.integers(40, 101, 300), random.permutation(300)
    found = drop_duplicates(hashes, quality, order, bits=bits)
    kept_by, distance = one_by_one(hashes, quality, order, bits)
    np.testing.assert_array_equal(found.kept_by, kept_by)
    np.testing.assert_array_equal(found.distance, distance)
    require_promises(found, hashes, quality, order, bits)
    assert found.unmatched == (quality < 50).sum()


@given(
    count=st.integers(0, 60),
    seed=st.integers(0, 2**32 - 1),
    sources=st.integers(1, 60),
    bits=st.integers(0, 31),
)
@settings(max_examples=25, deadline=None)
def test_promises_hold_in_any_order_of_the_input(count, seed, sources, bits):
    hashes = hashes_with_copies(count, seed, sources)
    random = np.random.default_rng(seed)
    quality, order = random.integers(45, 101, count), random.permutation(count) * 3
    found = drop_duplicates(hashes, quality, order, bits=bits, threads=1)
    require_promises(found, hashes, quality, order, bits)
    shuffle = random.permutation(count)
    again = drop_duplicates(
        hashes[shuffle], quality[shuffle], order[shuffle], bits=bits
    )
    np.testing.assert_array_equal(shuffle[again.kept_by], found.kept_by[shuffle])
    np.testing.assert_array_equal(again.distance, found.distance[shuffle])


@pytest.mark.parametrize("bits", [15, 16, 24, 31])
def test_hashes_within_the_distance_always_meet(bits):
    """The worst case: differences spread so that bands differ as evenly as can be."""
    random = np.random.default_rng(bits)
    one = random.integers(0, 256, (300, 32), np.uint8)
    differences = np.zeros((300, 16, 16), np.uint8)
    for row in differences:
        for place in range(bits):
            band = (place + random.integers(16)) % 16 if place >= 16 else place
            row[band, random.choice(np.flatnonzero(row[band] == 0))] = 1
    other = one ^ np.packbits(differences.reshape(300, 256), axis=1)
    for key_bits in (16, 9, 1):
        banding = Banding(bits=bits, key_bits=key_bits)
        assert banding.meets_before(
            words_of(one), words_of(other), len(banding.bands)
        ).all()


def test_nothing_chains():
    base = np.zeros((3, 32), np.uint8)
    base[1, :3], base[2, :6] = 255, 255  # 24 bits from one to the next
    found = drop_duplicates(base, np.full(3, 100), np.arange(3), bits=31)
    assert found.kept_by.tolist() == [0, 0, 2]
    best_between = drop_duplicates(base, np.full(3, 100), [1, 0, 2], bits=31)
    assert best_between.kept_by.tolist() == [1, 1, 1]
    assert best_between.distance.tolist() == [24, 0, 24]


def test_a_crowd_of_copies_is_settled_without_listing_its_pairs(monkeypatch):
    monkeypatch.setattr(leaders, "_FEW", 100)
    monkeypatch.setattr(leaders, "_MOST_PAIRS", 100**2)
    random = np.random.default_rng(0)
    crowd = np.repeat(random.integers(0, 256, (1, 32), np.uint8), 20_000, axis=0)
    crowd = flipped(crowd, random.integers(0, 16, 20_000), random)
    order = random.permutation(20_000)
    found = drop_duplicates(crowd, np.full(20_000, 90), order, bits=31)
    assert found.is_kept.sum() == 1
    assert found.compared < 20_000**2 / 4


def test_photos_without_a_telling_hash_are_kept():
    same = np.zeros((3, 32), np.uint8)
    found = drop_duplicates(same, np.array([49, 50, 0]), np.arange(3))
    assert (found.is_kept.tolist(), found.unmatched) == ([True] * 3, 2)
    found = drop_duplicates(same, np.array([50, 50, 50]), np.arange(3))
    assert (found.kept_by.tolist(), found.identical) == ([0, 0, 0], 2)


@pytest.mark.parametrize("bits", [-1, 32])
def test_distances_that_are_not_exact_are_refused(bits):
    with pytest.raises(ValueError, match=rf"a distance of 0\.\.31 bits, got {bits}"):
        drop_duplicates(np.zeros((1, 32), np.uint8), [100], [0], bits=bits)


def test_wrong_arrays_are_refused():
    with pytest.raises(ValueError, match="2 hashes of 32 bytes need a quality and"):
        drop_duplicates(np.zeros((2, 32), np.uint8), [100], [0, 1])
    with pytest.raises(ValueError, match="two photos have one rank"):
        drop_duplicates(np.zeros((2, 32), np.uint8), [100, 100], [7, 7])


def test_the_better_photo_has_score_pixels_bytes_and_name():
    rows = [
        {"uri": "e", "score": 2.0, "width": 9, "height": 9, "size_bytes": 9},
        {"uri": "d", "score": 3.0, "width": 4, "height": 4, "size_bytes": 9},
        {"uri": "c", "score": 3.0, "width": 8, "height": 2, "size_bytes": 8},
        {"uri": "b", "score": 3.0, "width": 5, "height": 4, "size_bytes": 1},
        {"uri": "a", "score": 3.0, "width": 2, "height": 8, "size_bytes": 8},
        {"uri": "0", "score": None, "width": 9, "height": 9, "size_bytes": 9},
    ]
    expected = ["b", "d", "a", "c", "e", "0"]
    random = np.random.default_rng(0)
    for _ in range(10):
        table = pa.Table.from_pylist([rows[k] for k in random.permutation(6)])
        ranks = duplicate_order(table, "score").tolist()
        uris = table["uri"].to_pylist()
        assert [uri for _, uri in sorted(zip(ranks, uris, strict=True))] == expected


def test_no_photos_have_an_order():
    schema = {"uri": pa.string(), "score": pa.float32(), "size_bytes": pa.int64()}
    sizes = {"width": pa.int32(), "height": pa.int32()}
    empty = pa.schema((schema | sizes).items()).empty_table()
    assert len(duplicate_order(empty, "score")) == 0
