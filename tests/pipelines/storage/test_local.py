"""Local disk: special files, names of any bytes, and writes that are all or nothing."""

import contextlib
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.storage import ObjectRefused, StorageError, storage_for
from pipelines.storage.local import LocalStorage
from pipelines.storage.uris import path_of_uri, uri_of_path
from schemas.failures import Failure

ROOT = Path(__file__).parents[3]


@pytest.fixture
def store():
    return LocalStorage()


def failure_of(store, path, listed=None) -> ObjectRefused:
    with pytest.raises(ObjectRefused) as caught:
        store.read(str(path), listed=listed, max_bytes=1000)
    return caught.value


def make_fifo(path):
    os.mkfifo(path)


def make_socket(path):
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)


def make_dangling_link(path):
    path.symlink_to("nowhere")


def make_loop(path):
    path.symlink_to(path.name)


def make_device_link(path):
    path.symlink_to("/dev/zero")


def make_fifo_link(path):
    os.mkfifo(path.with_name("fifo"))
    path.symlink_to("fifo")


SPECIAL_FILES = [
    (make_fifo, Failure.UNREADABLE, "not a regular file"),
    (make_fifo_link, Failure.UNREADABLE, "not a regular file"),
    (make_socket, Failure.UNREADABLE, "not a regular file"),
    (make_device_link, Failure.UNREADABLE, "not a regular file"),
    (Path.mkdir, Failure.UNREADABLE, "Is a directory"),
    (make_loop, Failure.UNREADABLE, "Too many levels of symbolic links"),
    (make_dangling_link, Failure.NOT_FOUND, "No such file or directory"),
]


@pytest.mark.parametrize(("make", "failure", "detail"), SPECIAL_FILES)
def test_a_special_file_is_refused_without_waiting(
    store, tmp_path, make, failure, detail
):
    path = tmp_path / "special"
    make(path)
    told = promptly(failure_of, store, path)
    assert (told.failure, told.detail) == (failure, detail)
    error = promptly(error_of, store.open_read, str(path))
    assert error == f"cannot read {path}: {detail}"


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/dev/stdin", "/dev"])
def test_a_device_is_unreadable(store, path):
    assert promptly(failure_of, store, path).failure in (
        Failure.UNREADABLE,
        Failure.NOT_FOUND,  # a closed stdin
    )


def test_special_files_are_listed_so_that_they_get_a_row(store, tmp_path):
    for number, (make, *_) in enumerate(SPECIAL_FILES):
        make(tmp_path / f"{number}")
    (tmp_path / "link to folder").symlink_to(tmp_path)
    found = {Path(one.uri).name for one in store.list(f"{tmp_path}/")}
    assert found == {"0", "1", "2", "3", "5", "6", "fifo"}


def test_a_huge_sparse_file_is_refused_by_its_size(store, tmp_path):
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(20 << 30)
    failure = promptly(failure_of, store, tmp_path / "sparse")
    assert failure.failure is Failure.TOO_LARGE
    assert failure.detail == f"{20 << 30} bytes exceed the limit of 1000"


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("file/below.jpg", Failure.NOT_FOUND),
        ("x" * 256, Failure.UNSAFE_NAME),
        ("a\0b", Failure.UNSAFE_NAME),
        ("\ud800", Failure.UNSAFE_NAME),
    ],
)
def test_an_impossible_name_fails_alone(store, tmp_path, name, failure):
    (tmp_path / "file").touch()
    assert failure_of(store, f"{tmp_path}/{name}").failure is failure
    if failure is Failure.UNSAFE_NAME:
        for call in (store.stat, store.open_read):
            assert "cannot " in error_of(call, f"{tmp_path}/{name}")
    else:
        assert store.stat(f"{tmp_path}/{name}") is None


@pytest.mark.parametrize(
    "name", [b"\xff\xfe.jpg", b"ok\xc3", b"a%ff\xff", b"\xf0\x9f\x8c"]
)
def test_a_name_that_is_not_utf8_comes_back_from_a_listing(store, tmp_path, name):
    path = os.fsencode(tmp_path) + b"/" + name
    with open(path, "wb") as file:
        file.write(b"content")
    [listed] = store.list(f"{tmp_path}/")
    assert listed.uri.startswith("file://")
    assert path_of_uri(listed.uri) == path
    assert store.stat(listed.uri) == listed
    assert store.read(listed.uri, listed=listed, max_bytes=9)[0] == b"content"
    with storage_for(listed.uri).open_read(listed.uri) as file:
        assert file.read() == b"content"


NAMES = st.binary(min_size=1, max_size=20).filter(
    lambda name: not {0, ord("/")} & set(name) and name not in (b".", b"..")
)


@settings(max_examples=50)
@given(st.sets(NAMES, max_size=5))
def test_any_names_are_written_listed_and_read(names):
    store = LocalStorage()
    with tempfile.TemporaryDirectory() as folder:
        uris = {uri_of_path(os.fsencode(folder) + b"/" + name) for name in names}
        for uri in uris:
            store.write(uri, uri.encode())
        found = list(store.list(f"{folder}/"))
        assert {one.uri for one in found} == uris
        for one in found:
            data, _ = store.read(one.uri, listed=one, max_bytes=1000)
            assert data == one.uri.encode()


@pytest.mark.parametrize("name", ["x", "file:", "gs:", "sub/x"])
def test_a_relative_path_stays_relative(store, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    store.write(name, b"content")
    assert (tmp_path / name).read_bytes() == b"content"
    assert [one.uri for one in store.list(name)] == [name]
    assert [one.uri for one in store.list("")] == [name]
    assert store.read(name, listed=store.stat(name), max_bytes=9)[0] == b"content"


def test_a_path_that_looks_like_a_uri_is_opened_as_a_path(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gs:" / "bucket").mkdir(parents=True)
    (tmp_path / "gs:" / "bucket" / "x").write_bytes(b"local")
    uri = uri_of_path(b"gs://bucket/x")
    assert storage_for(uri).read(uri, listed=None, max_bytes=9)[0] == b"local"


def test_a_listing_goes_by_name_and_does_not_follow_links_to_folders(store, tmp_path):
    for name in ("b/2", "b/1", "a", "c"):
        store.write(f"{tmp_path}/{name}", b"x")
    (tmp_path / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "d").symlink_to("a")
    names = [one.uri.removeprefix(f"{tmp_path}/") for one in store.list(f"{tmp_path}/")]
    assert names == ["a", "b/1", "b/2", "c", "d"]


def test_a_very_deep_folder_is_listed(store, tmp_path):
    folders = ["d/" * (depth + 1) for depth in range(1200)]
    with contextlib.chdir(tmp_path):
        for folder in folders:
            os.mkdir(folder)
        Path(folders[-1], "x").touch()
        assert [one.uri for one in store.list("")] == [f"{folders[-1]}x"]
        Path(folders[-1], "x").unlink()
        for folder in reversed(folders):
            os.rmdir(folder)


def test_a_file_that_vanishes_during_the_listing_is_left_out(store, tmp_path):
    for name in "abc":
        store.write(f"{tmp_path}/{name}", b"x")
    listing = store.list(f"{tmp_path}/")
    assert next(listing).uri == f"{tmp_path}/a"
    (tmp_path / "b").unlink()
    assert [one.uri for one in listing] == [f"{tmp_path}/c"]


def test_a_replaced_file_is_changed(store, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    [listed] = store.list(str(path))
    path.write_bytes(b"new")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    failure = failure_of(store, path, listed)
    assert failure.failure is Failure.CHANGED
    assert failure.detail == "the file changed after it was listed"


def test_a_file_that_grows_while_it_is_read_is_changed(store, tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    fdopen = os.fdopen

    def grow_then_open(descriptor, mode):
        path.write_bytes(b"old and more")
        return fdopen(descriptor, mode)

    monkeypatch.setattr(os, "fdopen", grow_then_open)
    [listed] = store.list(str(path))
    assert failure_of(store, path, listed).failure is Failure.CHANGED


@pytest.mark.parametrize("nanoseconds", [-(10**18), 0, 10**18, 10**19 - 1 - 10**18])
def test_a_file_of_any_time_is_listed(store, tmp_path, nanoseconds):
    path = tmp_path / "x"
    path.touch()
    os.utime(path, ns=(0, nanoseconds))
    [listed] = store.list(str(path))
    assert store.read(str(path), listed=listed, max_bytes=0)[1] == listed


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    done = run_with_file_limit(
        "from pipelines.storage import storage_for\n"
        f"storage_for({str(path)!r}).write({str(path)!r}, bytes(100_000))\n"
    )
    assert f"StorageError: cannot write {path}: File too large" in done
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


def test_a_put_if_absent_that_fails_leaves_nothing(tmp_path):
    path = tmp_path / "x"
    done = run_with_file_limit(
        "from pipelines.storage import storage_for\n"
        f"storage_for({str(path)!r}).write_if_absent({str(path)!r}, bytes(100_000))\n"
    )
    assert f"StorageError: cannot write {path}: File too large" in done
    assert os.listdir(tmp_path) == []


def test_a_write_into_what_is_no_folder_says_so(store, tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    for write in (store.write, store.write_if_absent):
        message = error_of(write, f"{tmp_path}/file/x", b"new")
        assert message.startswith(f"cannot write {tmp_path}/file/x: ")
        assert message.endswith(("Not a directory", "File exists"))
    assert (tmp_path / "file").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_write_onto_a_folder_says_so(store, tmp_path):
    (tmp_path / "x").mkdir()
    message = error_of(store.write, f"{tmp_path}/x", b"new")
    assert message == f"cannot write {tmp_path}/x: Is a directory"
    assert os.listdir(tmp_path) == ["x"]


def test_put_if_absent_creates_once(store, tmp_path):
    uri = f"{tmp_path}/new/x"
    assert store.write_if_absent(uri, b"first")
    assert not store.write_if_absent(uri, b"second")
    assert store.read(uri, listed=None, max_bytes=9)[0] == b"first"
    assert os.listdir(tmp_path / "new") == ["x"]


def test_a_race_to_put_if_absent_has_one_winner(tmp_path):
    for number in range(20):
        uri = f"{tmp_path}/{number}/x"
        won = race(lambda n, uri=uri: LocalStorage().write_if_absent(uri, b"%d" % n))
        assert sum(won) == 1
        assert Path(uri).read_bytes() == b"%d" % won.index(True)
        assert os.listdir(tmp_path / str(number)) == ["x"]


def test_a_reader_sees_the_old_or_the_new_file_but_no_part(store, tmp_path):
    uri = f"{tmp_path}/x"
    contents = [b"a" * 100_000, b"b" * 200_000]
    store.write(uri, contents[0])
    stop = threading.Event()

    def write():
        while not stop.is_set():
            for content in contents:
                store.write(uri, content)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(200):
            data, _ = store.read(uri, listed=None, max_bytes=10**6)
            assert data in contents
    finally:
        stop.set()
        writer.join()


def race(call) -> list[bool]:
    start = threading.Barrier(8)
    won = [False] * 8

    def one(number):
        start.wait()
        won[number] = call(number)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won


def error_of(call, *arguments) -> str:
    with pytest.raises(StorageError) as caught:
        call(*arguments)
    return str(caught.value)


def promptly(call, *arguments):
    """Call in a thread, so that a wait is a failed test and not a stopped suite."""
    results = []
    thread = threading.Thread(
        target=lambda: results.append(call(*arguments)), daemon=True
    )
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "it waits"
    return results[0]


def run_with_file_limit(program: str) -> str:
    """Run a program that may write files of up to 1000 bytes; gives its stderr."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )
    return done.stderr
