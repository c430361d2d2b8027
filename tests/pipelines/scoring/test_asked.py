"""What a run was asked for stands in its ledger, and runs again from there."""

import pytest
from helpers.make_images import write_images
from helpers.run_musiq import manifest_of, rows_by_key, run_here
from helpers.tiny_models import tiny_model_file

pytestmark = pytest.mark.usefixtures("models_loaded_once")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder with photos, a model, and a file of settings."""
    write_images(tmp_path / "photos", 3)
    (tmp_path / "tiny.safetensors").write_bytes(tiny_model_file())
    (tmp_path / "nightly.toml").write_text(
        'input = "photos/"\noutput = "ledger/"\nmodel = ["a=tiny.safetensors"]\n'
        'orientation = "ignore"\nrows_per_shard = 1\nworkers = 1\njson = true\n'
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_ledger_repeats_its_last_run_from_any_folder(folder, monkeypatch):
    first = run_here("score", "--config", "nightly.toml", "--uri_column=path")
    assert first.code == 0, first.err
    assert first.summary["counts"]["scored"] == 3
    asked = manifest_of(folder / "ledger")["asked"]
    assert asked == {
        "input": [f"{folder}/photos/"],
        "output": f"{folder}/ledger/",
        "model": [f"a={folder}/tiny.safetensors"],
        "uri_column": "path",
        "orientation": "ignore",
        "rows_per_shard": 1,
        "workers": 1,
    }
    rows = rows_by_key(folder / "ledger")
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    again = run_here("score", "--config", folder / "ledger", "--json")
    assert again.code == 0, again.err
    assert again.summary["counts"]["carried_over"] == 3
    assert manifest_of(folder / "ledger")["asked"] == asked
    assert rows_by_key(folder / "ledger") == rows
    anew = run_here("score", "--config", folder / "ledger", "--json", "--rescore")
    assert anew.summary["counts"]["scored"] == 3


def test_a_folder_without_settings_is_one_line(folder):
    (folder / "empty").mkdir()
    outcome = run_here("score", "--config", "empty", "--input=photos/")
    assert outcome.code == 2
    assert "--config empty: must be a .toml file, or a ledger" in outcome.error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input=nowhere/"], "there is no such file or folder"),
        (["--input=photos/", "--model=nowhere@latest"], "no model is published in"),
        (["--input=photos/", "--model=nowhere"], "nowhere: No such file"),
        (["--input=photos/", "--max_tokens=1"], "max_tokens must be in"),
        (["--input=photos/", "--conf=x"], "unknown flag --conf, did you mean --config"),
    ],
)
def test_a_mistake_is_one_line_without_a_word_on_the_built_in_model(
    folder, arguments, message
):
    outcome = run_here("score", "--output=new/", *arguments)
    assert outcome.code == 2
    assert message in outcome.error
