"""What a pattern of names means to the people who write one behind a flag."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.storage.folders.name_patterns import NamePattern, alternatives_of


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*.jpg", ["a.jpg", "x/y/a.jpg", ".jpg"], ["a.JPG", "a.jpg/x", "a.jpeg"]),
        ("*.{jpg,png}", ["a.jpg", "x/a.png"], ["a.gif", "a.{jpg,png}", "a.jpg,png"]),
        ("/*.jpg", ["a.jpg"], ["x/a.jpg"]),
        ("2024/*.jpg", ["2024/a.jpg"], ["x/2024/a.jpg", "2024/x/a.jpg"]),
        ("2024/**", ["2024/a", "2024/x/a"], ["x/2024/a", "20245/a"]),
        ("**/raw/*", ["raw/a", "x/y/raw/a"], ["raw/x/a", "draw/a"]),
        ("thumbs/", ["thumbs/a", "x/thumbs/y/a"], ["thumbs", "mythumbs/a"]),
        ("a/b/", ["a/b/c", "a/b/c/d"], ["x/a/b/c", "a/b"]),
        ("{a,b/*}.jpg", ["a.jpg", "x/a.jpg", "b/c.jpg"], ["x/b/c.jpg", "b.jpg"]),
        ("IMG_{1{0,1},2}.*", ["IMG_10.x", "IMG_11.x", "IMG_2.x"], ["IMG_1.x"]),
        ("{,._}a", ["a", "._a"], ["_a"]),
        ("[{]a,b}", ["{a,b}"], ["a", "b"]),
        ("{a}{b,", ["{a}{b,"], ["a", "b"]),
        ("{a,[}]}", ["a", "}"], ["{a,}}"]),
        ("**", ["a", "x/a"], []),
        ("gs://b/**", ["gs://b/x"], ["b/x"]),
    ],
)
def test_a_pattern_matches(pattern, matching, others):
    chosen = NamePattern(pattern)
    assert [name for name in matching + others if chosen.matches(name)] == matching


def test_the_case_of_letters_counts_unless_it_is_to_be_ignored():
    names = ["Ä/IMG.JPG", "ä/img.jpg", "ä/img.png"]
    for pattern in ("ä/*.{jpg,JPeg}", "Ä/IMG.[JK]PG"):
        ignoring = NamePattern(pattern, ignore_case=True)
        assert [ignoring.matches(name) for name in names] == [True, True, False]
        assert [NamePattern(pattern).matches(n) for n in names].count(True) == 1


def test_too_many_alternatives_are_told_at_once():
    with pytest.raises(ValueError, match="stands for more than 1000 others"):
        NamePattern("{a,b}" * 40)


def test_no_pattern_takes_long():
    pattern = NamePattern("{" + "*a" * 30 + "," + "**/" * 30 + "x}")
    start = time.process_time()
    assert not pattern.matches("a" * 5000 + "/" + "a/" * 50 + "b")
    assert time.process_time() - start < 2


@given(st.text("{},[]!ab", max_size=12))
def test_alternatives_have_nothing_left_to_choose(pattern):
    for one in alternatives_of(pattern):
        assert alternatives_of(one) == [one]


@given(st.lists(st.lists(st.text("ab", max_size=2), min_size=2), max_size=3))
def test_alternatives_are_every_choice_in_order(choices):
    made = [""]
    for choice in choices:
        made = [done + one for done in made for one in choice]
    pattern = "".join("{" + ",".join(choice) + "}" for choice in choices)
    if len(made) < 500:
        assert alternatives_of(pattern) == made
