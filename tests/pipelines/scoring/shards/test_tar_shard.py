import json
import tarfile
import urllib.parse

import pytest
from helpers.make_shards import small_images, special_member, tar_of
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.scoring.reading.fetch import fetch_image
from pipelines.scoring.shards.tar_members import member_name
from pipelines.storage.local import LocalStorage
from schemas.failures import Failure


@pytest.fixture
def refs_of(tmp_path, refs):
    def refs_of(*members, cut: int | None = None):
        (tmp_path / "s.tar").write_bytes(tar_of(members)[:cut])
        return refs(tmp_path / "s.tar")

    return refs_of


def test_an_image_member_is_named_by_shard_and_name_and_keyed_by_its_sample(
    refs_of, tmp_path
):
    found = refs_of(("a/b.c.png", b"1"), ("d.PNG", b"2"), (".hidden.jpg", b"3"))
    assert [ref.uri for ref in found] == [
        *(f"{tmp_path}/s.tar#a/b.c.png", f"{tmp_path}/s.tar#d.PNG"),
        f"{tmp_path}/s.tar#.hidden.jpg",
    ]
    assert [ref.key for ref in found] == ["a/b", "d", ".hidden.jpg"]
    assert [ref.order for ref in found] == [(0, 0, n) for n in range(3)]
    assert {ref.listed.uri for ref in found} == {f"{tmp_path}/s.tar"}


def test_a_member_is_read_as_exactly_its_bytes(refs_of):
    images = small_images(3)
    found = refs_of(*((f"{n}.png", data) for n, data in enumerate(images)))
    fetched = [fetch_image(ref, max_file_bytes=10**6) for ref in found]
    assert [one.data for one in fetched] == images
    assert [one.row.size_bytes for one in fetched] == [len(data) for data in images]
    assert {one.row.generation for one in fetched} == {found[0].listed.generation}


def test_a_member_above_the_limit_is_refused_unread(refs_of):
    [ref] = refs_of(("a.png", b"12345"))
    row = fetch_image(ref, max_file_bytes=4)
    assert (row.failure, row.size_bytes) == (Failure.TOO_LARGE, 5)


def test_a_shard_replaced_after_it_was_listed_is_changed(refs_of, tmp_path):
    [ref] = refs_of(("a.png", b"12345"))
    (tmp_path / "s.tar").write_bytes(b"something else")
    row = fetch_image(ref, max_file_bytes=9)
    assert row.failure is Failure.CHANGED


@pytest.fixture
def carried_of(tmp_path, carried):
    def carried_of(*members):
        (tmp_path / "s.tar").write_bytes(tar_of(members))
        return carried(tmp_path / "s.tar").to_pydict()

    return carried_of


def test_the_json_of_a_sample_is_carried_wherever_it_lies(carried_of):
    found = carried_of(
        ("a.json", b'{"caption": "before", "width": 3, "tags": ["x", "\xc3\xa9"]}'),
        ("a.png", b"1"),
        ("b.png", b"2"),
        ("b.left.png", b"2"),
        ("b.json", b'{"caption": null, "tags": {"n": 1}, "later": 1.5}'),
        ("c.png", b"3"),
        ("d.json", b'{"caption": "of no image"}'),
    )
    assert found == {
        "caption": ["before", None, None, None],
        "input_width": [3, None, None, None],
        "tags": ['["x", "é"]', '{"n": 1}', '{"n": 1}', None],
        "later": [None, 1.5, 1.5, None],
    }


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{}", b"nonsense", b"\xff\xfe", b"[" * 100_000),
        b'{"a": ' + b"9" * 10_000 + b"}",
        json.dumps({"a": "x" * 2**24}).encode(),
    ],
)
def test_json_that_is_none_carries_nothing_and_costs_no_image(carried_of, data):
    found = carried_of(
        ("a.json", b'{"a": "1"}'), ("a.png", b"1"), ("b.json", data), ("b.png", b"2")
    )
    assert found == {"a": ["1", None]}


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"[1, 2]", "[1, 2]"), (b'"text"', "text"), (b"2.5", 2.5), (b"null", None)],
)
def test_json_that_is_no_object_is_carried_as_it_is(carried_of, data, expected):
    found = carried_of(("a.png", b"1"), ("a.json", data))
    assert found == {"json": [expected]}


def test_half_a_surrogate_pair_in_json_is_written_out(carried_of):
    found = carried_of(("a.png", b"1"), ("a.json", b'{"a": "\\ud800", "\\udc00": 1}'))
    assert found == {"a": ['"\\ud800"'], "_udc00": [1]}


@pytest.mark.parametrize(
    "names",
    [
        ("IMG.2024.01.05", "IMG.2024.01.06"),
        ("a/v1.0", "a/v1.1"),
        ("x.y/1.left", "x.y/1.right"),
        ("2026-11-27 08.30.00", "2026-11-27 08.30.01"),
    ],
)
@pytest.mark.parametrize("is_sorted", [True, False])
def test_dots_in_names_make_no_sample_of_different_photos(
    refs_of, carried_of, names, is_sorted
):
    members = []
    for name in names:
        said = json.dumps({"caption": f"of {name}"}).encode()
        members += [(f"{name}.jpg", name.encode()), (f"{name}.json", said)]
    members = members if is_sorted else members[::2] + members[1::2]
    assert [ref.key for ref in refs_of(*members)] == list(names)
    assert carried_of(*members) == {"caption": [f"of {name}" for name in names]}


def test_what_is_said_of_one_image_goes_before_what_is_said_of_its_sample(
    refs_of, carried_of
):
    members = [
        ("1.json", b'{"a": "all", "b": "all"}'),
        ("1.left.png", b"1"),
        ("1.right.png", b"2"),
        ("1.right.json", b'{"b": "right"}'),
    ]
    assert carried_of(*members) == {"a": ["all", "all"], "b": ["all", "right"]}
    assert [ref.key for ref in refs_of(*members)] == ["1", "1.right"]


def test_a_json_that_has_the_whole_name_of_an_image_is_of_that(refs_of, carried_of):
    members = [("1.jpg", b"1"), ("1.jpg.json", b'{"a": "1"}'), ("1.png", b"2")]
    assert carried_of(*members, ("2.jpg", b"3")) == {"a": ["1", None, None]}
    assert [ref.key for ref in refs_of(*members)] == ["1", "1"]


def test_many_images_of_one_sample_keep_what_is_said_of_each(carried_of):
    members = []
    for number in range(2500):
        said = json.dumps({"n": number}).encode()
        members += [(f"x.{number}.jpg", b"x"), (f"x.{number}.json", said)]
    assert carried_of(*members) == {"n": list(range(2500))}


def test_several_images_of_a_key_are_rows_with_what_is_said_of_their_sample(
    refs_of, carried_of
):
    images = [("1.jpg", b"1"), ("1.png", b"2"), ("1.seg.png", b"3")]
    assert carried_of(*images, ("1.json", b'{"a": "x"}')) == {"a": ["x"] * 3}
    found = refs_of(*images)
    assert [ref.key for ref in found] == ["1"] * 3
    assert len({ref.uri for ref in found}) == 3


def test_texts_and_classes_beside_an_image_are_carried_as_they_are(carried_of):
    found = carried_of(
        *(("1.jpg", b"1"), ("1.txt", "Zwölf  \n".encode()), ("1.cls", b"7")),
        *(("2.txt", b"\xff\xfe"), ("2.jpg", b"2"), ("3.jpg", b"3")),
        *(("4.jpg", b"4"), ("4.json", b'{"txt": "of the JSON"}'), ("4.txt", b"t")),
    )
    assert found == {
        "txt": ["Zwölf  \n", "bytes:%FF%FE", None, "of the JSON"],
        "cls": ["7", None, None, None],
    }


def test_joined_archives_give_the_images_of_all(refs, tmp_path):
    parts = [tar_of([(f"{n}.jpg", b"x" * n)]) for n in range(4)]
    (tmp_path / "s.tar").write_bytes(b"".join(parts))
    found = refs(tmp_path / "s.tar")
    fetched = [fetch_image(ref, max_file_bytes=99).data for ref in found]
    assert fetched == [b"x" * n for n in range(4)]


def test_a_small_member_is_read_once_and_a_large_one_twice(refs, tmp_path, monkeypatch):
    """The listing reads small ones on its way, and has their checksums."""
    data = tar_of([("a.jpg", b"small"), ("b.jpg", bytes(2 << 20))])
    (tmp_path / "s.tar").write_bytes(data)
    small, large = refs(tmp_path / "s.tar")
    asked = []
    monkeypatch.setattr(
        LocalStorage,
        "read_part",
        lambda _, listed, start, end: asked.append((start, end)) or data[start:end],
    )
    assert fetch_image(small, max_file_bytes=99).data == b"small"
    assert len(asked) == 1
    assert len(fetch_image(large, max_file_bytes=3 << 20).data) == 2 << 20
    assert len(asked) == 3


def test_a_member_that_is_no_longer_what_was_listed_is_a_read_error(
    refs_of, monkeypatch
):
    [ref] = refs_of(("a.jpg", b"12345"))
    monkeypatch.setattr(
        LocalStorage, "read_part", lambda _, listed, start, end: b"12344"
    )
    row = fetch_image(ref, max_file_bytes=99)
    assert row.failure is Failure.READ_ERROR
    assert "do not match their checksum" in row.failure_detail


def test_what_is_no_image_is_no_input(refs_of):
    [ref] = refs_of(("a.txt", b""), ("a.cls", b"3"), ("a.jpg", b"x"), ("README", b"x"))
    assert ref.key == "a"


@pytest.mark.parametrize(
    ("kind", "detail"),
    [
        (tarfile.SYMTYPE, "a link in an archive is not followed"),
        (tarfile.LNKTYPE, "a link in an archive is not followed"),
        (tarfile.CHRTYPE, "a device or pipe in an archive is not read"),
        (tarfile.FIFOTYPE, "a device or pipe in an archive is not read"),
    ],
)
def test_links_and_devices_are_unreadable_rows(refs_of, kind, detail):
    bad, good = refs_of(special_member("a.jpg", kind, "/etc/passwd"), ("b.jpg", b"b"))
    assert bad.refusal == (Failure.UNREADABLE, detail)
    assert good.refusal is None


def test_a_folder_with_the_name_of_an_image_is_none(refs_of):
    [ref] = refs_of(special_member("a.jpg", tarfile.DIRTYPE), ("b.jpg", b"b"))
    assert ref.key == "b"


def test_hostile_names_are_names_and_lead_nowhere(refs_of, tmp_path):
    names = ["/etc/passwd.jpg", "../../x.jpg", "a#b.jpg", "a\nb.jpg", "=cmd().jpg"]
    names += ["a%2Fb.jpg", "x" * 3000 + ".jpg", "a.tar#b.jpg", "\u202e.jpg"]
    found = refs_of(*((name, name.encode()) for name in names))
    assert [ref.uri for ref in found] == [f"{tmp_path}/s.tar#{name}" for name in names]
    for ref, name in zip(found, names, strict=True):
        assert fetch_image(ref, max_file_bytes=10**6).data == name.encode()


def test_a_truncated_shard_keeps_what_is_whole_and_says_so(refs_of, tmp_path):
    whole, cut, shard = refs_of(("a.jpg", b"a"), ("b.jpg", bytes(9000)), cut=4000)
    assert whole.refusal is None
    assert cut.refusal == (Failure.TRUNCATED, "the archive ends inside this member")
    assert shard.uri == f"{tmp_path}/s.tar"
    assert shard.refusal[0] is Failure.TRUNCATED


@settings(deadline=None)
@given(st.binary(max_size=30))
def test_the_bytes_of_any_name_can_be_told_from_its_text(name):
    text = member_name(name)
    text.encode()
    if text.startswith("bytes:"):
        assert urllib.parse.unquote_to_bytes(text.removeprefix("bytes:")) == name
    else:
        assert text.encode() == name


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2), st.integers(0, 511), st.integers(1, 255))
def test_a_damaged_header_never_ends_a_listing_without_a_word(
    tmp_path_factory, refs, member, place, change
):
    data = bytearray(tar_of([(f"{n}.jpg", b"x") for n in range(3)]))
    data[member * 1024 + place] ^= change
    path = tmp_path_factory.mktemp("tar") / "s.tar"
    path.write_bytes(data)
    found = refs(path.parent / "*.tar")
    is_whole = [ref.key for ref in found] == ["0", "1", "2"]
    assert is_whole or found[-1].uri == str(path)
    assert is_whole or found[-1].refusal[0] is Failure.UNREADABLE
    assert is_whole or len(found) == member + 1
