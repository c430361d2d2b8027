"""A store's refusal is an image's failure; all other errors pass."""

import os

import pytest

from pipelines.scoring.reading.refusals import open_shard, refusals_as_failures
from pipelines.storage import NameRefused, ObjectRefused, StorageError, storage_for
from schemas.failures import Failure, ImageFailure


@pytest.mark.parametrize(
    "refused",
    [
        NameRefused(Failure.UNSAFE_NAME, "the name is empty"),
        ObjectRefused(Failure.FORBIDDEN, "Permission denied", "/x.jpg"),
    ],
)
def test_a_refusal_becomes_a_failure_of_the_same_class_and_detail(refused):
    with pytest.raises(ImageFailure) as caught, refusals_as_failures():
        raise refused
    assert caught.value.failure is refused.failure
    assert caught.value.detail == refused.detail


def test_a_store_that_is_down_is_no_failure_of_an_image():
    with pytest.raises(StorageError, match="counts as down"), refusals_as_failures():
        raise StorageError("cannot read /x.jpg: the store counts as down")


def test_a_file_of_images_that_changes_while_it_is_read_fails_as_changed(tmp_path):
    path = tmp_path / "000.tar"
    path.write_bytes(bytes(3 << 20))
    listed = storage_for(str(path)).stat(str(path))
    assert listed is not None
    with open_shard(listed) as file:
        assert file.read(9) == bytes(9)
        os.truncate(path, 2 << 20)
        with pytest.raises(ImageFailure, match="changed after it was listed") as caught:
            file.read()
    assert caught.value.failure is Failure.CHANGED
