"""What glob patterns match, the same for every store."""

import fnmatch
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.storage import Glob, has_magic

TRICKY = "ab-[]!*?^\\&|~.+\n"


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("/d/*.jpg", ["/d/a.jpg", "/d/.jpg"], ["/d/a.JPG", "/d/s/a.jpg", "/d/a.jpgx"]),
        ("/d/?.jpg", ["/d/a.jpg", "/d/ü.jpg", "/d/\n.jpg"], ["/d/.jpg", "/d/ab.jpg"]),
        ("/d/[a-c]x", ["/d/ax", "/d/cx"], ["/d/dx", "/d/-x", "/d/x"]),
        ("/d/[!a-c]x", ["/d/dx", "/d/-x"], ["/d/ax", "/d//x"]),
        ("/d/[*]", ["/d/*"], ["/d/a"]),
        ("/d/[?]", ["/d/?"], ["/d/a"]),
        ("/d/[[]1]", ["/d/[1]"], ["/d/1"]),
        ("/d/[]a]", ["/d/]", "/d/a"], ["/d/[]a]"]),
        ("/d/[]-a]", ["/d/]", "/d/a", "/d/_"], ["/d/-"]),
        ("/d/[^a]", ["/d/^", "/d/a"], ["/d/b"]),
        ("/d/[a-]", ["/d/a", "/d/-"], ["/d/b"]),
        ("/d/[\\]", ["/d/\\"], ["/d/a"]),
        ("/d/**/x", ["/d/x", "/d/a/x", "/d/a/b/x", "/d//x"], ["/d/ax", "/dx"]),
        ("/d/**", ["/d/x", "/d/a/b/x"], ["/e/x"]),
        ("/d/**/**/x", ["/d/x", "/d/a/b/x"], ["/d/ax"]),
        ("/d/a**b/x", ["/d/ab/x", "/d/acb/x"], ["/d/a/b/x"]),
        ("/d/*/x", ["/d/a/x", "/d//x"], ["/d/x", "/d/a/b/x"]),
        ("gs://b/*", ["gs://b/x"], ["gs://b/x/y", "gs://c/x"]),
        ("/d/a+(b)$.{2}*", ["/d/a+(b)$.{2}"], ["/d/aab"]),
        ("/d[1]/*", ["/d1/x"], ["/d[1]/x"]),
    ],
)
def test_a_pattern_matches(pattern, matching, others):
    glob = Glob(pattern)
    assert [uri for uri in matching + others if glob.matches(uri)] == matching


@pytest.mark.parametrize("part", ["[", "[]", "[!]", "[!", "a[b", "]", "[[", "x]y["])
def test_a_bracket_without_its_partner_is_literal(part):
    assert Glob(f"/d/{part}").matches(f"/d/{part}")
    assert not Glob(f"/d/{part}").matches("/d/b")


def test_a_range_that_runs_backwards_is_empty():
    assert not Glob("/d/[z-a]").matches("/d/m")
    assert Glob("/d/[z-ab]").matches("/d/b")
    assert Glob("/d/[!z-a]").matches("/d/m")
    assert not Glob("/d/[!z-a]").matches("/d/")


@given(st.text(TRICKY, max_size=8), st.text(TRICKY, max_size=6))
@example("[a&&b]", "&")
@example("[[a]", "[")
@example("[a||b--~~c]", "|")
def test_one_part_matches_as_in_a_shell(pattern, name):
    if pattern != "**":
        expected = fnmatch.fnmatchcase(name, pattern)
        assert Glob(f"/d/{pattern}").matches(f"/d/{name}") == expected


@given(
    st.lists(st.sampled_from(["**", "*", "a", "b*", "?", "[!b]"]), max_size=5),
    st.lists(st.sampled_from(["a", "b", "ba", ""]), min_size=1, max_size=5),
)
def test_parts_match_as_slowly_reasoned(pattern, path):
    glob = Glob("/".join(["/d", *pattern]))
    assert glob.matches("/".join(["/d", *path])) == slowly_matches(pattern, path)


def slowly_matches(pattern, path):
    if not pattern:
        return not path
    first, *rest = pattern
    if first != "**":
        return (
            bool(path)
            and fnmatch.fnmatchcase(path[0], first)
            and slowly_matches(rest, path[1:])
        )
    if not rest:
        return bool(path)
    return any(slowly_matches(rest, path[n:]) for n in range(len(path)))


@given(st.text("/ab*?[]!", max_size=12))
def test_what_matches_starts_with_the_prefix_and_the_prefix_is_literal(pattern):
    glob = Glob(f"/{pattern}")
    assert f"/{pattern}".startswith(glob.prefix)
    assert not has_magic(glob.prefix)
    assert glob.prefix.endswith("/")


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("/d/e/*.jpg", "/d/e/"),
        ("/d/e*/x", "/d/"),
        ("gs://b/*", "gs://b/"),
        ("/d/x", "/d/"),
        ("*", ""),
    ],
)
def test_a_prefix_is_all_folders_before_the_first_glob_character(pattern, prefix):
    assert Glob(pattern).prefix == prefix


def test_a_pattern_matches_names_that_are_not_utf8():
    assert Glob("/d/*.jpg").matches("file:///d/%FF.jpg")
    assert not Glob("/d/*.jpg").matches("file:///d/e/%FF.jpg")
    assert Glob("/d/**/?.jpg").matches("file:///d/e/%FF.jpg")


def test_many_stars_do_not_take_forever():
    started = time.monotonic()
    assert not Glob("/d/" + "*a" * 20 + "*b").matches("/d/" + "a" * 200)
    assert not Glob("/d/" + "*" * 50 + "b").matches("/d/" + "a" * 200)
    assert not Glob("/d/" + "**/" * 30 + "b").matches("/d/" + "a/" * 100)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("uri", ["a*", "a?", "a[", "gs://b/[x]"])
def test_glob_characters_are_noticed(uri):
    assert has_magic(uri)


def test_other_characters_are_no_glob():
    assert not has_magic("gs://b/a]b{c}!~$.jpg")
