"""Versions are created once and whole, on local disk and in buckets.

Races and preconditions are those of `write_if_absent`, whose tests every store has.
"""

import pytest
from helpers import gcs_emulator, s3_emulator
from helpers.local_server import environment

from pipelines.storage import storage_for
from schemas.errors import MusiqError
from training.models.versions import ModelVersions


@pytest.fixture(params=["local", "gcs", "s3"])
def folder(request, tmp_path):
    """A folder in each store that does not exist yet."""
    if request.param == "local":
        yield str(tmp_path / "models" / "koniq")
        return
    emulator = request.getfixturevalue(request.param)
    with environment(emulator.env):
        yield f"{emulator.uri}/{tmp_path.parent.name}/{tmp_path.name}/koniq"


def test_versions_are_numbered_files(folder):
    versions = ModelVersions(folder)
    assert versions.newest() == 0
    assert versions.write_if_absent(1, b"first")
    assert versions.write_if_absent(2, b"second")
    assert versions.newest() == 2
    assert [versions.read(version) for version in (1, 2)] == [b"first", b"second"]
    assert versions.uri(2) == f"{folder}/00000002.safetensors"


def test_a_version_never_changes_and_writing_the_same_again_is_success(folder):
    if folder.startswith("gs://"):
        pytest.skip("the emulator enforces no generation")
    versions = ModelVersions(folder)
    assert versions.write_if_absent(1, b"first")
    assert not versions.write_if_absent(1, b"other")
    assert versions.write_if_absent(1, b"first")
    assert versions.read(1) == b"first"


def test_other_objects_are_no_versions(folder):
    for name in ("/old/00000009", "2/00000008", "/7"):
        uri = f"{folder}{name}.safetensors"
        storage_for(uri).write(uri, b"")
    assert ModelVersions(folder).newest() == 0


def test_nothing_but_versions_is_left_behind(tmp_path):
    versions = ModelVersions(str(tmp_path))
    versions.write_if_absent(1, b"first")
    versions.write_if_absent(1, b"other")
    assert [path.name for path in tmp_path.iterdir()] == ["00000001.safetensors"]


def error_of(call, *arguments) -> str:
    with pytest.raises(MusiqError) as caught:
        call(*arguments)
    [line] = str(caught.value).splitlines()
    assert s3_emulator.SECRET not in line
    return line


def test_a_store_that_cannot_be_used_is_told_in_one_line(gcs, s3):
    with environment(gcs.env):
        absent = ModelVersions(f"gs://{gcs_emulator.BUCKET}/koniq").read
        assert "there is no such object" in error_of(absent, 1)
    with environment(s3.env):
        absent = ModelVersions("s3://absent-bucket/koniq")
        assert "cannot list s3://absent-bucket/koniq/" in error_of(absent.newest)
    assert "http:// is not" in error_of(ModelVersions, "http://models/koniq")


def test_what_can_be_no_folder_of_models_is_refused_at_once(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "file", tmp_path / "file" / "koniq"):
        assert error_of(ModelVersions, str(folder)) == (
            f"{tmp_path}/file is a file; models need a folder"
        )
