"""Random splits are exact, stable and never tear a group apart."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.preparing.labels import LabelledImage, ReleaseError
from pipelines.preparing.splits import draw_split, require_sound_rows


def rows_of(groups):
    return [
        LabelledImage(name=f"{n}.jpg", label=(1.0,), group=group)
        for n, group in enumerate(groups)
    ]


def test_koniq_is_split_as_in_the_paper():
    rows, rule = draw_split(rows_of(map(str, range(10_073))), seed=0)
    splits = [row.split for row in rows]
    assert (splits.count("train"), splits.count("test")) == (8058, 2015)
    assert rule == "random 80/20 with seed 0: 8058 of 10073 images in train"


@given(st.lists(st.sampled_from("abcdefghij"), min_size=1), st.integers(0, 99))
def test_groups_stay_together_and_their_number_is_exact(groups, seed):
    rows, _ = draw_split(rows_of(groups), seed)
    train = {row.group for row in rows if row.split == "train"}
    test = {row.group for row in rows if row.split == "test"}
    assert not train & test
    assert len(train) == round(0.8 * len(set(groups)))
    assert [row.name for row in rows] == [row.name for row in rows_of(groups)]


def test_a_split_depends_on_names_and_seed_alone():
    rows = rows_of(map(str, range(100)))
    drawn = {row.name: row.split for row in draw_split(rows, 1)[0]}
    reversed_rows = {row.name: row.split for row in draw_split(rows[::-1], 1)[0]}
    other_seed = {row.name: row.split for row in draw_split(rows, 2)[0]}
    assert drawn == reversed_rows
    assert drawn != other_seed


def test_the_split_of_a_seed_never_changes():
    rows, _ = draw_split(rows_of(map(str, range(10))), seed=0)
    assert [row.group for row in rows if row.split == "test"] == ["6", "7"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "0.jpg"}, "several labels"),
        ({"group": "a", "split": "test"}, "would leak"),
        ({"split": None}, "in the split None"),
        ({}, "the split test is empty"),
    ],
)
def test_unsound_rows_are_refused(changes, message):
    rows = [dataclasses.replace(row, split="train") for row in rows_of("abc")]
    rows[2] = dataclasses.replace(rows[2], **changes)
    with pytest.raises(ReleaseError, match=message):
        require_sound_rows(rows, ("train", "test"))
