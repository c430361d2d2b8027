"""`@latest` and `@VERSION` become one file when a job starts, and stay it."""

import json

import pytest
from helpers.local_server import environment
from helpers.make_images import write_images
from helpers.run_musiq import manifest_of, run_here
from helpers.tiny_models import tiny_model_file
from hypothesis import given
from hypothesis import strategies as st

from musiq_core.model_files.model_file import read_model_file
from pipelines.storage import storage_for
from pipelines.storage.model_names import model_uri
from schemas.errors import UsageError
from schemas.model_versions import version_name, version_number


@given(st.integers(1, 99_999_999))
def test_a_version_has_one_name(version):
    assert version_number(version_name(version)) == version


@pytest.mark.parametrize(
    "name",
    [
        "1.safetensors",
        "00000001.npz",
        "00000001",
        "x0000001.safetensors",
        "old/00000001.safetensors",
        "00000001.safetensors.musiq-1f",
        "",
    ],
)
def test_other_files_are_no_versions(name):
    assert version_number(name) is None


@pytest.fixture
def koniq(tmp_path):
    """A folder with versions 1, 2 and 10, and what else may lie there."""
    folder = tmp_path / "models" / "koniq"
    (folder / "old").mkdir(parents=True)
    for name in (*map(version_name, (1, 2, 10)), "notes.txt", "99.safetensors"):
        (folder / name).write_bytes(b"")
    (folder / "old" / version_name(11)).write_bytes(b"")
    return folder


def test_latest_is_the_highest_number_and_a_number_is_itself(koniq):
    assert model_uri(f"{koniq}@latest") == f"{koniq}/00000010.safetensors"
    assert model_uri(f"{koniq}/@latest") == f"{koniq}/00000010.safetensors"
    assert model_uri(f"{koniq}@2") == f"{koniq}/00000002.safetensors"
    assert model_uri(f"{koniq}@00000002") == f"{koniq}/00000002.safetensors"


def test_relative_folders_are_relative_to_the_current_one(koniq, monkeypatch):
    monkeypatch.chdir(koniq.parent)
    assert model_uri("koniq@1") == f"{koniq}/00000001.safetensors"


def test_files_are_taken_literally(koniq):
    for name in ("a@b.safetensors", "latest", "koniq@latest.safetensors", "koniq@"):
        assert model_uri(f"{koniq}/{name}") == f"{koniq}/{name}"


def test_versions_that_are_not_there_are_refused_in_one_line(koniq):
    with pytest.raises(UsageError, match=r"has no version 3, its newest is 10$"):
        model_uri(f"{koniq}@3")
    with pytest.raises(UsageError, match=r"no model is published in .*/absent"):
        model_uri(f"{koniq.parent}/absent@latest")
    # The folder of all models is not the folder of one.
    with pytest.raises(UsageError, match="no model is published"):
        model_uri(f"{koniq.parent}@latest")


def test_versions_are_found_in_a_bucket(gcs):
    with environment(gcs.env):
        root = f"{gcs.uri}/published"
        for name in ("koniq/00000001", "koniq/00000002", "koniq2/00000003"):
            uri = f"{root}/{name}.safetensors"
            storage_for(uri).write(uri, b"x")
        assert model_uri(f"{root}/koniq@latest") == (
            f"{root}/koniq/00000002.safetensors"
        )


def test_a_run_names_the_version_that_was_the_latest_when_it_started(koniq, tmp_path):
    first, second = tiny_model_file(), tiny_model_file(name="second")
    (koniq / version_name(10)).write_bytes(first)
    write_images(tmp_path / "photos", 2)

    def score() -> dict:
        outcome = run_here(
            *("score", "--input", tmp_path / "photos"),
            *("--output", tmp_path / "ledger", "--workers", 1),
            *("--model", f"koniq={koniq}@latest"),
        )
        assert outcome.code == 0, outcome.err
        return manifest_of(tmp_path / "ledger")

    manifest = score()
    assert manifest["models"]["koniq"]["uri"] == f"{koniq}/00000010.safetensors"
    assert manifest["models"]["koniq"]["digest"] == read_model_file(first).digest

    (koniq / version_name(11)).write_bytes(second)
    manifest = score()
    assert manifest["models"]["koniq"]["uri"] == f"{koniq}/00000011.safetensors"
    assert manifest["models"]["koniq"]["digest"] == read_model_file(second).digest
    assert manifest["counts"]["scored"] == 2


def test_inspect_says_which_version_it_is(koniq):
    (koniq / version_name(10)).write_bytes(tiny_model_file())
    facts = json.loads(run_here("models", "inspect", f"{koniq}@latest", "--json").out)
    assert facts["uri"] == f"{koniq}/00000010.safetensors"
    outcome = run_here("models", "inspect", f"{koniq}@7")
    assert outcome.code == 2
    assert "has no version 7" in outcome.error
    assert run_here("models", "inspect", "a\0b@latest").code == 2
