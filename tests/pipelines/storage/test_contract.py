"""What holds for every store: local disk, and gs:// and s3:// through emulators."""

import io

import pytest
from helpers.local_server import environment

from pipelines.storage import (
    ObjectRefused,
    StorageError,
    join,
    open_listed,
    storage_for,
)
from schemas.failures import Failure

HOSTILE_NAMES = (
    "with space.jpg",
    " edge spaces ",
    "a%20b#c?d[1].jpg",
    "a%2Fb.jpg",
    "new\nline.jpg",
    "trailing\n",
    "Ünï-漢字-🌻.jpg",
    "u\N{COMBINING DIAERESIS}.jpg",
    "*.jpg",
    "**",
    "[!a]?[",
    "back\\slash'quote\"&=+;,.jpg",
    "-rf",
    "~",
    "gs:",
    "a:b:",
    "...",
    ".hidden",
)


@pytest.fixture(params=["local", "gcs", "s3"])
def folder(request, tmp_path):
    """The URI of an empty folder in each store, without a slash at its end."""
    if request.param == "local":
        yield str(tmp_path)
        return
    emulator = request.getfixturevalue(request.param)
    with environment(emulator.env):
        yield f"{emulator.uri}/{tmp_path.parent.name}/{tmp_path.name}"


@pytest.fixture
def store(folder):
    return storage_for(folder)


def names(store, prefix):
    return sorted(one.uri for one in store.list(prefix))


def fail_to_read(store, uri, listed=None, max_bytes=1000):
    with pytest.raises(ObjectRefused) as caught:
        store.read(uri, listed=listed, max_bytes=max_bytes)
    return caught.value


def test_what_was_written_is_listed_described_and_read(store, folder):
    uri = f"{folder}/a/b.jpg"
    store.write(uri, b"\xff\xd8\r\n\0 bytes\n")
    [listed] = store.list(f"{folder}/")
    assert listed.uri == uri
    assert listed.size_bytes == 12
    assert listed.modified_at.utcoffset().total_seconds() == 0
    assert store.stat(uri) == listed
    assert store.read(uri, listed=None, max_bytes=12) == (
        b"\xff\xd8\r\n\0 bytes\n",
        listed,
    )
    assert store.read(uri, listed=listed, max_bytes=12)[1] == listed


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_comes_back_exactly_and_opens_itself(store, folder, name):
    if folder.startswith("s3://") and "\n" in name:
        pytest.skip("the emulator has no address for it")
    uri, decoy = f"{folder}/{name}", f"{folder}/decoy"
    store.write(uri, name.encode())
    store.write(decoy, b"decoy")
    assert names(store, f"{folder}/") == sorted([uri, decoy])
    assert names(store, uri) == [uri]
    found = store.stat(uri)
    assert found.uri == uri
    assert store.read(uri, listed=found, max_bytes=99) == (name.encode(), found)
    with store.open_read(uri) as file:
        assert file.read() == name.encode()


def test_a_listing_is_literal_by_prefix_and_deep(store, folder):
    for name in ("ab/1", "ab/c/d/2", "abc", "a*", "b/a", "A"):
        store.write(f"{folder}/{name}", b"x")

    def listed(prefix):
        return [uri.removeprefix(f"{folder}/") for uri in names(store, folder + prefix)]

    assert listed("/a") == ["a*", "ab/1", "ab/c/d/2", "abc"]
    assert listed("/ab/") == ["ab/1", "ab/c/d/2"]
    assert listed("/ab/c/d/2") == ["ab/c/d/2"]
    assert listed("/a*") == ["a*"]
    assert listed("/[a]") == []
    assert listed("/absent/") == []
    assert len(listed("/")) == 6


def test_a_folder_is_something_with_objects_below(store, folder):
    store.write(f"{folder}/deep/er/x", b"x")
    assert store.is_folder(f"{folder}/deep/")
    assert store.is_folder(f"{folder}/deep/er/")
    assert not store.is_folder(f"{folder}/deep/er/x/")
    assert not store.is_folder(f"{folder}/de/")
    assert store.stat(f"{folder}/deep") is None


def test_what_is_missing_is_not_found(store, folder):
    absent = f"{folder}/absent.jpg"
    assert store.stat(absent) is None
    assert fail_to_read(store, absent).failure is Failure.NOT_FOUND
    with pytest.raises(StorageError, match=r"^cannot read .*absent\.jpg: .*no such|No"):
        store.open_read(absent)


def test_an_object_deleted_after_it_was_listed_is_not_found(store, folder):
    store.write(f"{folder}/x", b"x")
    [listed] = store.list(f"{folder}/")
    store.delete(listed.uri)
    assert fail_to_read(store, listed.uri, listed).failure is Failure.NOT_FOUND


def test_an_object_above_the_limit_is_refused(store, folder):
    uri = f"{folder}/x"
    store.write(uri, b"12345")
    failure = fail_to_read(store, uri, max_bytes=4)
    assert failure.failure is Failure.TOO_LARGE
    assert failure.detail == "5 bytes exceed the limit of 4"


def test_an_empty_object_is_read_as_no_bytes(store, folder):
    uri = f"{folder}/empty"
    store.write(uri, b"")
    assert store.read(uri, listed=store.stat(uri), max_bytes=0)[0] == b""
    with store.open_read(uri) as file:
        assert file.read() == b""


def test_an_open_object_is_seekable(store, folder):
    data = bytes(range(256)) * 20_000  # above what is read ahead
    store.write(f"{folder}/x", data)
    with store.open_read(f"{folder}/x") as file:
        assert file.seekable()
        assert file.seek(0, io.SEEK_END) == len(data)
        assert file.read(5) == b""
        file.seek(-3, io.SEEK_END)
        assert file.read() == data[-3:]
        file.seek(300)
        assert file.read(7) == data[300:307]
        file.seek(2_000_000, io.SEEK_CUR)
        assert file.tell() == 2_000_307
        assert file.read(2_000_000) == data[2_000_307:4_000_307]
        file.seek(0)
        assert file.read() == data


def test_a_write_replaces_whole(store, folder):
    uri = f"{folder}/x"
    store.write(uri, b"long content")
    store.write(uri, b"short")
    assert store.read(uri, listed=None, max_bytes=99)[0] == b"short"
    assert names(store, f"{folder}/") == [uri]


def test_a_large_write_arrives_whole(store, folder):
    data = bytes(range(251)) * 36_000  # more than one request holds
    store.write(f"{folder}/x", data)
    assert store.read(f"{folder}/x", listed=None, max_bytes=len(data))[0] == data


def test_joined_names_lie_below_their_folder(store, folder):
    for place in (folder, f"{folder}/"):
        store.write(join(place, "sub/x"), b"x")
    assert names(store, f"{folder}/") == [f"{folder}/sub/x"]


def test_an_error_is_one_line_whatever_the_name(store, folder):
    with pytest.raises(StorageError) as caught:
        store.open_read(f"{folder}/no\nsuch\x1b[31m")
    assert str(caught.value).isprintable()


def test_what_was_deleted_is_gone_and_deleting_again_is_no_error(folder):
    storage = storage_for(folder)
    storage.write(f"{folder}/a/b.jpg", b"x")
    storage.write(f"{folder}/a/c.jpg", b"x")
    storage.delete(f"{folder}/a/b.jpg")
    storage.delete(f"{folder}/a/b.jpg")
    assert [found.uri for found in storage.list(f"{folder}/")] == [f"{folder}/a/c.jpg"]


def test_an_object_replaced_after_it_was_listed_is_changed(store, folder):
    if folder.startswith("gs://"):
        pytest.skip("the emulator enforces no generation, the double does")
    store.write(f"{folder}/x", b"listed")
    [listed] = store.list(f"{folder}/")
    store.write(f"{folder}/x", b"newer")
    assert fail_to_read(store, listed.uri, listed).failure is Failure.CHANGED


def test_put_if_absent_creates_once(store, folder):
    if folder.startswith("gs://"):
        pytest.skip("the emulator enforces no generation, the double does")
    assert store.write_if_absent(f"{folder}/new", b"first")
    assert not store.write_if_absent(f"{folder}/new", b"second")
    assert store.read(f"{folder}/new", listed=None, max_bytes=9)[0] == b"first"


def test_a_part_is_exactly_its_bytes(store, folder):
    data = bytes(range(256)) * 10
    store.write(f"{folder}/x", data)
    listed = store.stat(f"{folder}/x")
    for start, end in ((0, 1), (300, 812), (2559, 2560), (0, 2560), (7, 7), (0, 0)):
        assert store.read_part(listed, start, end) == data[start:end]


def test_what_was_listed_is_opened_seekable(store, folder):
    data = bytes(range(256)) * 20_000
    store.write(f"{folder}/x", data)
    with open_listed(store.stat(f"{folder}/x")) as file:
        file.seek(3_000_000)
        assert file.read(100) == data[3_000_000:3_000_100]
        file.seek(-5, io.SEEK_END)
        assert file.read() == data[-5:]


def fail_to_read_part(store, listed) -> Failure:
    with pytest.raises(ObjectRefused) as caught:
        store.read_part(listed, 1, 3)
    return caught.value.failure


def test_a_part_of_a_deleted_object_is_not_found(store, folder):
    store.write(f"{folder}/x", b"12345")
    listed = store.stat(f"{folder}/x")
    store.delete(listed.uri)
    assert fail_to_read_part(store, listed) is Failure.NOT_FOUND


def test_a_part_of_a_replaced_object_is_changed(store, folder):
    if folder.startswith("gs://"):
        pytest.skip("the emulator enforces no generation, the double does")
    store.write(f"{folder}/x", b"12345")
    listed = store.stat(f"{folder}/x")
    store.write(f"{folder}/x", b"123456")
    assert fail_to_read_part(store, listed) is Failure.CHANGED


def test_a_file_becomes_an_object_that_was_absent_and_no_other(store, folder, tmp_path):
    path, uri = tmp_path / "spool", f"{folder}/lists/kept.csv"
    path.write_bytes(b"uri\n" * 3_000_000)  # more than one request's worth of parts
    assert store.write_file_if_absent(uri, str(path))
    other = tmp_path / "other"
    other.write_bytes(b"other")
    if not folder.startswith("gs://"):  # whose emulator enforces no generation
        assert not store.write_file_if_absent(uri, str(other))
    with store.open_read(uri) as file:
        assert file.read() == path.read_bytes()
    path.unlink()
    assert store.stat(uri).size_bytes == 12_000_000
    assert [one.uri for one in store.list(f"{folder}/lists/")] == [uri]
