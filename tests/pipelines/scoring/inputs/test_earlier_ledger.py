"""An earlier ledger as an input: its newest rows, its own columns as `input_NAME`."""

import shutil
from pathlib import Path

import pytest
from helpers.make_images import write_images
from helpers.run_musiq import run_here, table_of
from helpers.tiny_models import tiny_model_file
from helpers.written_ledger import write_ledger

from pipelines.ledger.folder import LedgerFolderError

FIXTURES = Path(__file__).parents[3] / "fixtures"


def test_a_ledgers_folder_names_the_images_of_its_newest_state(refs, carried, tmp_path):
    write_ledger(str(tmp_path), [0.1, 0.2, None])
    write_ledger(str(tmp_path), [0.3, None], number=2)
    found = {ref.uri: ref.refusal for ref in refs(tmp_path)}
    assert found == {f"/photos/photo-{n}.png": None for n in range(2)}
    columns = carried(f"{tmp_path}/")
    assert "uri" not in columns.schema.names
    assert all(name.startswith("input_") for name in columns.schema.names)
    statuses = zip(
        columns["input_key"].to_pylist(),
        columns["input_status"].to_pylist(),
        columns["input_musiq_tiny"].to_pylist(),
        strict=True,
    )
    assert sorted(statuses) == [
        ("photo-0.png", "scored", pytest.approx(0.3)),
        ("photo-1.png", "failed", None),
    ]


@pytest.mark.parametrize("version", [1, 2])
def test_a_ledger_of_every_version_is_a_manifest(refs, carried, version):
    ledger = FIXTURES / f"ledger-version-{version}"
    assert len(refs(ledger)) == 4
    columns = carried(ledger)
    assert columns["label"].null_count < 4  # a carried column keeps its name
    assert "input_musiq_micro" in columns.schema.names


def test_one_file_of_a_ledger_is_a_manifest_too(refs, carried):
    [file] = (FIXTURES / "ledger-version-1").rglob("*.parquet")
    assert len(refs(file)) == 4
    assert "input_status" in carried(file).schema.names


def test_what_only_looks_like_a_ledger_is_a_folder(refs, tmp_path):
    for name in ("a.jpg", "_manifests/b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [ref.key for ref in refs(tmp_path)] == ["_manifests/b.jpg", "a.jpg"]


def test_a_ledger_that_cannot_be_read_is_told_in_one_line(refs, tmp_path):
    write_ledger(str(tmp_path), [0.1])
    [manifest] = (tmp_path / "_manifests").iterdir()
    manifest.write_text("{}")
    with pytest.raises(LedgerFolderError, match=r"cannot read .*00000001\.json: not a"):
        refs(tmp_path)


def test_a_ledger_in_a_folder_of_any_name_is_read(refs, tmp_path):
    write_ledger(str(tmp_path / "[1]"), [0.1])
    assert [ref.uri for ref in refs(tmp_path / "[1]")] == ["/photos/photo-0.png"]


def test_photos_of_a_ledger_are_scored_into_another(tmp_path):
    write_images(tmp_path / "photos", 2)
    (tmp_path / "model.safetensors").write_bytes(tiny_model_file())

    def score(source: str, output: str):
        return run_here(
            *("score", "--input", tmp_path / source, "--output", tmp_path / output),
            *("--model", tmp_path / "model.safetensors", "--workers", 1),
        )

    assert score("photos", "first").code == 0
    done = score("first", "second")
    assert done.code == 0, done.err
    first, second = table_of(tmp_path / "first"), table_of(tmp_path / "second")
    assert second["uri"].to_pylist() == first["uri"].to_pylist()
    for name in set(first.schema.names) - {"uri"}:
        assert second[f"input_{name}"].to_pylist() == first[name].to_pylist()
    assert second["musiq_tiny"].to_pylist() == first["musiq_tiny"].to_pylist()
    shutil.rmtree(tmp_path / "photos")
    again = score("second", "second")
    assert again.code == 2
    assert "would carry what the one before it wrote; choose another" in again.error
