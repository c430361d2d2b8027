"""Versions are created once and whole, on local disk and in a bucket."""

import threading

import pytest
from helpers import gcs_double, gcs_emulator
from helpers.local_server import environment

from training.errors import UsageError
from training.models.model_store import open_model_store


@pytest.fixture
def double():
    with gcs_double.running_double() as (double, env), environment(env):
        yield double


@pytest.fixture(params=["local", "gs"])
def folder(request, tmp_path):
    """A folder that does not exist yet."""
    if request.param == "local":
        return str(tmp_path / "models" / "koniq")
    request.getfixturevalue("double")
    return f"gs://{gcs_emulator.BUCKET}/models/koniq"


def test_versions_are_numbered_files_that_never_change(folder):
    store = open_model_store(folder)
    assert store.newest() == 0
    assert store.write_if_absent(1, b"first")
    assert not store.write_if_absent(1, b"other")
    assert store.write_if_absent(2, b"second")
    assert store.newest() == 2
    assert [store.read(version) for version in (1, 2)] == [b"first", b"second"]
    assert store.uri(2) == f"{folder}/00000002.safetensors"


def test_writing_the_same_again_is_success(folder):
    store = open_model_store(folder)
    assert store.write_if_absent(1, b"first")
    assert store.write_if_absent(1, b"first")


def test_of_many_writers_one_gets_the_version(folder):
    won = []
    start = threading.Barrier(8)

    def write(writer: int):
        store = open_model_store(folder)
        start.wait()
        if store.write_if_absent(1, b"writer %d" % writer):
            won.append(writer)

    threads = [threading.Thread(target=write, args=(w,)) for w in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [winner] = won
    assert open_model_store(folder).read(1) == b"writer %d" % winner


def test_nothing_but_versions_is_left_behind(tmp_path):
    store = open_model_store(str(tmp_path))
    store.write_if_absent(1, b"first")
    store.write_if_absent(1, b"other")
    assert [path.name for path in tmp_path.iterdir()] == ["00000001.safetensors"]


def test_other_objects_are_no_versions(double):
    for name in ("koniq/old/00000009", "koniq2/00000008", "koniq/7"):
        double.put(f"models/{name}.safetensors", b"")
    assert open_model_store(f"gs://{gcs_emulator.BUCKET}/models/koniq").newest() == 0


def test_an_upload_whose_answer_is_lost_is_this_writers(double):
    double.fail("upload", gcs_double.LOST)
    store = open_model_store(f"gs://{gcs_emulator.BUCKET}/models/koniq")
    assert store.write_if_absent(1, b"first")
    assert double.content("models/koniq/00000001.safetensors") == b"first"


def error_of(call, *arguments) -> str:
    with pytest.raises(UsageError) as caught:
        call(*arguments)
    [line] = str(caught.value).splitlines()
    assert gcs_double.SECRET not in line
    assert "http" not in line
    return line


def test_stores_that_do_not_do_what_they_should_are_named_in_one_line(double, tmp_path):
    bucket = f"gs://{gcs_emulator.BUCKET}/koniq"
    store = open_model_store(bucket)
    double.fail("list", 403)
    assert error_of(store.newest) == (
        f"cannot list {bucket}: the store refuses access; check the account's roles on "
        "the bucket"
    )
    assert "no such bucket or object" in error_of(store.read, 1)
    double.fail("upload", 403)
    assert f"cannot write {bucket}/00000001" in error_of(store.write_if_absent, 1, b"")
    absent = open_model_store("gs://absent-bucket/koniq")
    assert "no such bucket" in error_of(absent.newest)
    (tmp_path / "file").write_bytes(b"")
    under_file = open_model_store(str(tmp_path / "file" / "koniq"))
    assert "Not a directory" in error_of(under_file.write_if_absent, 1, b"")
    assert "Not a directory" in error_of(under_file.newest)
    assert "not in s3://models" in error_of(open_model_store, "s3://models/koniq")
