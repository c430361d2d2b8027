"""Names of copies are safe on every disk and in every bucket, and tell photos apart."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from pipelines.copying.planning.packed_names import packed_name
from pipelines.copying.planning.target_names import (
    folded,
    image_suffix,
    target_name,
    with_digest,
)

KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    [
        "../../etc/passwd",
        "/abs.jpg",
        "a/./b",
        "gs://b/c d.jpg",
        "file:///a%FFb.jpg",
        "..",
    ]
)


@given(KEYS | KEYS.map(lambda text: text * 30), st.booleans())
def test_a_name_is_safe(key, is_packed):
    uri = f"/s/0.tar#{key}" if is_packed else f"/p/{key}"
    name = target_name(uri, key)
    parts = name.split("/")
    assert all(part not in ("", ".", "..") for part in parts)
    assert all(len(part.encode()) <= 240 for part in parts)
    assert len(name.encode()) <= 900
    assert name.isprintable()
    assert name == name.strip()
    assert "\\" not in name
    assert parts[0].casefold() != "_copy"
    assert target_name(uri, key) == name
    other = with_digest(name, uri)
    assert folded(other) != folded(name)
    assert all(len(part.encode()) <= 255 for part in other.split("/"))


@pytest.mark.parametrize(
    ("uri", "key", "name"),
    [
        ("/p/a/b.jpg", "a/b.jpg", "a/b.jpg"),
        ("gs://b/x/é ü.jpg", "x/é ü.jpg", "x/é ü.jpg"),
        ("/etc/x.jpg", "../../etc/x.jpg", "%2E%2E/%2E%2E/etc/x.jpg"),
        ("gs://b/x.jpg", "gs://b/x.jpg", "b/x.jpg"),
        ("/p/ a\n.jpg", " a\n.jpg", "%20a%0A.jpg"),
        ("/p/a\\b.jpg", "a\\b.jpg", "a%5Cb.jpg"),
        ("/p/_COPY/a.jpg", "_COPY/a.jpg", "%5FCOPY/a.jpg"),
        ("/s/0000.tar#d/a.jpg", "d/a", "0000/d/a.jpg"),
        ("/s/0000.tar.gz#d/a.jpg", "d/a", "0000/d/a.jpg"),
        ("/s/x.parquet#row=17", "17", "x/row=17.jpg"),
        ("/s/x.parquet#row=17&item=2", "17", "x/row=17&item=2.jpg"),
        (
            "/s/x.tfrecord-00000-of-00002#record=3",
            "3",
            "x.tfrecord-00000-of-00002/record=3.jpg",
        ),
    ],
)
def test_a_name_is_that_of_the_input_where_it_can_be(uri, key, name):
    assert target_name(uri, key, "JPEG") == name


def test_a_long_name_keeps_its_ending_and_differs_from_others():
    names = {target_name("/p", f"{'x' * 300}{n}.jpg") for n in range(9)}
    assert len(names) == 9
    assert all(name.endswith(".jpg") for name in names)


def test_names_that_one_disk_takes_for_one_are_known():
    accent = "u\N{COMBINING DIAERESIS}.jpg"
    assert folded("Ü.JPG") == folded(accent) == folded("ü.jpg")
    assert with_digest("d.x/a.jpg", "/p/a").startswith("d.x/a~")
    assert with_digest("d.x/a", "/p/a").startswith("d.x/a~")


def test_a_packed_name_is_taken_apart():
    assert packed_name("/p/a.jpg") is None
    assert packed_name("/p/a#b.jpg") is None
    assert packed_name("/p/a#b.tar#c#d.jpg") == ("/p/a#b.tar", "c#d.jpg")
    found = packed_name("gs://b/x.parquet#row=1&item=2&column=photo &x")
    assert found.image_column == "photo &x"
    assert packed_name("/x.tar#row=1&column=y").image_column is None


def test_endings_are_those_that_readers_know():
    formats = ("JPEG", "PNG", "TIFF", "WEBP", "MPO")
    assert [image_suffix(one) for one in formats] == [
        "jpg",
        "png",
        "tif",
        "webp",
        "jpg",
    ]
