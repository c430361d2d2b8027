"""Copies from buckets to buckets, through emulators; a photo replaced is refused."""

import io
import json
import tarfile

import pytest
from helpers.kept_rows import copy_rows, kept_rows, run_copy
from helpers.local_server import environment
from helpers.make_shards import small_images, tar_of

from pipelines.storage import storage_for
from schemas.errors import UsageError


@pytest.fixture(params=["gcs", "s3"])
def bucket(request, tmp_path):
    """A folder of a bucket with six photos and a tar of four."""
    emulator = request.getfixturevalue(request.param)
    folder = f"{emulator.uri}/{tmp_path.name}"
    with environment(emulator.env):
        storage = storage_for(folder)
        for number, data in enumerate(small_images(6)):
            storage.write(f"{folder}/photos/p {number}#?.png", data)
        members = [(f"{n}.png", data) for n, data in enumerate(small_images(4))]
        storage.write(f"{folder}/shards/0.tar", tar_of(members))
        yield folder


def names_in(folder: str) -> list[str]:
    found = storage_for(folder).list(f"{folder}/")
    names = [one.uri.removeprefix(f"{folder}/") for one in found]
    return [name for name in names if not name.startswith("_copy/")]


def read(uri: str) -> bytes:
    with storage_for(uri).open_read(uri) as file:
        return file.read()


def test_a_bucket_is_copied_into_webdataset_shards(bucket):
    rows = kept_rows(f"{bucket}/photos/", f"{bucket}/shards/0.tar")
    done = run_copy(rows, f"{bucket}/kept", "webdataset")
    assert done.code == 0, done.failures
    assert names_in(f"{bucket}/kept") == ["000000.tar"]
    data = read(f"{bucket}/kept/000000.tar")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        found = {one.name: tar.extractfile(one).read() for one in tar}
    wanted = sorted([*small_images(6), *small_images(4)])
    assert sorted(v for n, v in found.items() if n.endswith(".png")) == wanted
    said = [json.loads(v) for n, v in found.items() if n.endswith(".json")]
    assert {one["uri"] for one in said} == {row["uri"] for row in rows}
    again = run_copy(rows, f"{bucket}/kept", "webdataset")
    assert again.counts.already_there == 10
    assert read(f"{bucket}/kept/000000.tar") == data


def test_a_photo_replaced_in_a_bucket_is_refused_and_told(bucket):
    rows = kept_rows(f"{bucket}/photos/")
    changed, gone = rows[2]["uri"], rows[4]["uri"]
    other = small_images(6)[2][:-1] + b"!"  # the emulator of gs:// has no generations
    storage_for(bucket).write(changed, other)
    storage_for(bucket).delete(gone)
    done = copy_rows(rows, f"{bucket}/kept")
    assert (done.code, done.counts.copied, done.counts.failed) == (3, 4, 2)
    assert done.failures[changed].startswith("changed: ")
    assert done.failures[gone].startswith("not_found: ")
    assert len(names_in(f"{bucket}/kept")) == 4
    again = copy_rows(rows, f"{bucket}/kept")
    assert (again.counts.already_there, again.counts.failed) == (4, 2)


def test_a_buckets_photos_are_no_place_for_copies(bucket):
    rows = kept_rows(f"{bucket}/photos/")
    for target in (f"{bucket}/photos", f"{bucket}/photos/kept"):
        with pytest.raises(UsageError, match=r"is not apart from the photos|not empty"):
            copy_rows(rows, target)
    assert len(names_in(f"{bucket}/photos")) == 6
