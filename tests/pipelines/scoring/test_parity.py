"""The published numbers, through the commands that a user types."""

import json
import re

import pytest
from helpers.golden_models import VARIANTS, image_names, published_npz
from helpers.run_musiq import rows_by_key, run_musiq
from helpers.shared_data import golden

from musiq_core.programs.self_test import make_pictures

DATASETS = {"multi_1": "koniq", "single_1": "spaq", "multi_10": "ava"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The golden images, and the three variants imported from published archives."""
    folder = tmp_path_factory.mktemp("golden")
    (folder / "images").mkdir()
    for name in image_names():
        suffix = "jpg" if "jpeg" in name else "png"
        data = golden()[f"{name}/encoded"].tobytes()
        (folder / "images" / f"{name}.{suffix}").write_bytes(data)
    for variant, dataset in DATASETS.items():
        archive = folder / f"{variant}.npz"
        archive.write_bytes(published_npz(variant))
        outcome = run_musiq(
            *("models", "import", archive, "--dataset", dataset),
            *("--output", folder / f"{variant}.safetensors"),
        )
        assert outcome.code == 0, outcome.err
        archive.unlink()
    return folder


@pytest.mark.parametrize("dct", ["fast", "accurate"])
def test_every_published_score_is_met_within_5e_5(folder, dct):
    models = [
        f"--model={variant}={folder / variant}.safetensors" for variant in VARIANTS
    ]
    outcome = run_musiq(
        *("score", "--input", folder / "images", "--output", folder / dct, *models),
        *("--jpeg_dct", dct, "--orientation", "ignore", "--workers", 1),
    )
    assert outcome.code == 0, outcome.err
    rows = rows_by_key(folder / dct)
    worst = 0.0
    for name in image_names():
        row = rows[f"{name}.{'jpg' if 'jpeg' in name else 'png'}"]
        for variant in VARIANTS:
            accurate = f"{name}/{variant}_islow/score"
            has_own = dct == "accurate" and accurate in golden()
            key = accurate if has_own else f"{name}/{variant}/score"
            distance = abs(row[f"musiq_{variant}"] - float(golden()[key]))
            assert distance < 5e-5, (name, variant)
            worst = max(worst, distance)
    print(f"largest distance from the published scores, {dct} DCT: {worst:.1e}")


def test_an_imported_model_says_what_it_is(folder):
    outcome = run_musiq("models", "inspect", folder / "multi_10.safetensors", "--json")
    card = json.loads(outcome.out)
    assert card["name"] == "ava"
    assert card["score_range"] == [1, 10]
    assert card["parameters"] == 27_129_290
    assert card["preprocessing"]["scales"] == [224, 384]
    assert card["source"].startswith("multi_10.npz, SHA-256 ")
    assert card["self_test"].keys() == make_pictures().keys()
    table = run_musiq("models", "inspect", folder / "single_1.safetensors")
    assert "higher is better" in table.out
    assert "27,125,057" in table.out
    assert re.search(r"self test +│ 8 pictures with scores of -", table.out)


def test_files_may_be_named_relative_to_the_current_folder(folder, tmp_path):
    (tmp_path / "x.npz").write_bytes(published_npz("single_1"))
    importing = run_musiq(
        *("models", "import", "x.npz", "--dataset", "koniq"),
        *("--output", "x.safetensors"),
        cwd=tmp_path,
    )
    assert importing.code == 0, importing.err
    name = image_names()[0]
    (tmp_path / "photo.png").write_bytes(golden()[f"{name}/encoded"].tobytes())
    scoring = run_musiq(
        *("score", "--input", "photo.png", "--output", "ledger", "--workers", 1),
        *("--model", "x.safetensors"),
        cwd=tmp_path,
    )
    assert scoring.code == 0, scoring.err
    assert rows_by_key(tmp_path / "ledger")["photo.png"]["uri"].startswith("/")


def test_wrong_imports_are_one_line(folder, tmp_path):
    def message(file, dataset="koniq", output="x.safetensors"):
        outcome = run_musiq(
            *("models", "import", file, "--dataset", dataset),
            *("--output", tmp_path / output),
        )
        assert outcome.code == 2
        assert not (tmp_path / output).exists()
        return outcome.error

    cut = tmp_path / "cut.npz"
    cut.write_bytes(published_npz("multi_10")[:1_000_000])
    assert f"{cut}: not a whole .npz checkpoint" in message(cut)
    assert "published are: ava, koniq, paq2piq, spaq" in message(cut, dataset="moo")
    assert "must end in .safetensors" in message(cut, output="x.npz")
    assert "No such file or directory" in message(tmp_path / "absent.npz")
    whole = tmp_path / "whole.npz"
    whole.write_bytes(published_npz("multi_10"))
    assert "head has 10 outputs" in message(whole)
