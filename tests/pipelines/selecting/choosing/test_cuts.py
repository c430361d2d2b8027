"""Cuts are exact: as many as asked for, the best, of equal ones the first by name."""

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.selecting.choosing.choose import bins_of, how_many
from pipelines.selecting.choosing.cuts import (
    apply_cuts,
    best_first,
    find_cuts,
    first_by_name,
    scores_of,
)
from pipelines.selecting.choosing.formula import ranks_of
from pipelines.selecting.request import Choice, ChoiceKind, Request

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(FINITE, min_size=1), st.booleans())
def test_keys_order_like_scores(scores, higher):
    array = np.array(scores, np.float32)
    keys = best_first(array, higher_is_better=higher)
    best = sorted(array.tolist(), reverse=higher)
    assert array[np.argsort(keys, kind="stable")].tolist() == best
    assert scores_of(keys, higher_is_better=higher).tolist() == (array + 0).tolist()


def test_zero_has_one_key():
    keys = best_first(np.array([0.0, -0.0], np.float32))
    assert keys[0] == keys[1]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=30), st.data()
)
def test_each_group_keeps_its_least_keys_and_first_names(rows, data):
    wanted = np.array(data.draw(st.lists(st.integers(0, 9), min_size=4, max_size=4)))
    codes = np.array([code for code, _ in rows], np.int32)
    keys = np.array([key for _, key in rows], np.uint32)
    names = data.draw(st.permutations([f"{n:02d}" for n in range(len(rows))]))
    cuts = find_cuts(keys, codes, 4, lambda sizes: np.minimum(wanted, sizes))
    kept, tied = apply_cuts(cuts, keys, codes)
    at_cut = pa.array([n for n, is_tied in zip(names, tied, strict=True) if is_tied])
    kept[tied] = first_by_name(at_cut.cast(pa.string()), codes[tied], cuts.tied_in)
    for code in range(4):
        ordered = sorted(
            (key, name)
            for key, name, of in zip(keys, names, codes, strict=True)
            if of == code
        )
        best = {name for _, name in ordered[: wanted[code]]}
        here = [kept[place] for place in range(len(rows)) if codes[place] == code]
        assert {
            n for n, k, of in zip(names, kept, codes, strict=True) if k and of == code
        } == best
        assert sum(here) == cuts.kept[code]


def test_without_groups_the_cut_is_the_same():
    keys = np.array([5, 1, 3, 3, 9], np.uint32)
    for codes in (None, np.zeros(5, np.int32)):
        cuts = find_cuts(keys, codes, 1, lambda sizes: np.minimum(2, sizes))
        kept, tied = apply_cuts(cuts, keys, codes)
        assert kept.tolist() == [False, True, False, False, False]
        assert tied.tolist() == [False, False, True, True, False]
        assert (cuts.keys, cuts.tied, cuts.tied_in) == (3, 2, 1)


def test_of_nothing_nothing_is_kept():
    for codes in (None, np.zeros(0, np.int32)):
        cuts = find_cuts(np.zeros(0, np.uint32), codes, 1, lambda sizes: sizes)
        kept, tied = apply_cuts(cuts, np.zeros(0, np.uint32), codes)
        assert (cuts.kept.tolist(), len(kept), len(tied)) == ([0], 0, 0)


@pytest.mark.parametrize(
    ("kind", "amount", "rows", "kept"),
    [
        (ChoiceKind.TOP_K, 3, [0, 2, 5], [0, 2, 3]),
        (ChoiceKind.TOP_PERCENT, "10", [0, 1, 9, 10, 11], [0, 1, 1, 1, 2]),
        (ChoiceKind.TOP_PERCENT, "0.1", [1000, 1001], [1, 2]),
        (ChoiceKind.DROP_WORST, "20", [0, 4, 5, 9, 10], [0, 4, 4, 8, 8]),
        (ChoiceKind.DROP_WORST, "100", [7], [0]),
        (ChoiceKind.SAMPLE, "33.333333", [3, 300_000_000], [1, 99_999_999]),
    ],
)
def test_shares_are_exact_and_what_is_kept_is_rounded_up(kind, amount, rows, kept):
    is_count = isinstance(amount, int)
    choice = Choice(
        kind=kind,
        count=amount if is_count else None,
        percent=None if is_count else Fraction(amount),
    )
    assert how_many(np.array(rows), Request(choice=choice)).tolist() == kept


def test_dropping_the_worst_fifth_is_keeping_the_best_four_fifths():
    rows = np.arange(1_000)
    best = Choice(kind=ChoiceKind.TOP_PERCENT, percent=Fraction(80))
    worst = Choice(kind=ChoiceKind.DROP_WORST, percent=Fraction(20))
    kept = [how_many(rows, Request(choice=choice)) for choice in (best, worst)]
    assert (kept[0] == kept[1]).all()


def test_quotas_bound_what_a_choice_keeps():
    choice = Choice(kind=ChoiceKind.TOP_PERCENT, percent=Fraction(10))
    asked = Request(choice=choice, per=("camera",), at_least=3, at_most=5)
    assert how_many(np.array([2, 20, 40, 90]), asked).tolist() == [2, 3, 4, 5]


@given(st.lists(st.integers(0, 5), max_size=20))
def test_ranks_count_what_is_not_better(scores):
    keys = best_first(np.array(scores, np.float32))
    expected = [sum(other <= score for other in scores) for score in scores]
    assert ranks_of(keys).tolist() == expected


def test_bins_are_equally_wide_and_hold_both_ends():
    scores = np.array([0, 2.4, 2.5, 9.9, 10], np.float32)
    assert bins_of(scores, 4).tolist() == [0, 0, 1, 3, 3]
    assert bins_of(np.array([3, 3], np.float32), 4).tolist() == [0, 0]
    assert bins_of(np.zeros(0, np.float32), 4).tolist() == []
