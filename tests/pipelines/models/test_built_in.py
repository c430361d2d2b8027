import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers.make_images import photo_like
from helpers.run_musiq import manifest_of, run_musiq
from PIL import Image, ImageFilter

from musiq_core.images.patches import extract_patches
from musiq_core.model_files.model_file import read_model_file
from musiq_core.programs.packed.scorer import PackedScorer
from musiq_core.programs.self_test import check_self_test
from pipelines.models.read import read_model_bytes
from pipelines.storage.model_names import BUILT_IN


@pytest.fixture(scope="module")
def model():
    return read_model_file(read_model_bytes(BUILT_IN))


def test_it_is_small_and_passes_its_self_test(model):
    assert len(read_model_bytes(BUILT_IN)) <= 8_000_000
    assert len(model.card.self_test) == 8
    check_self_test(PackedScorer(model), uri=BUILT_IN)


def test_its_card_says_what_it_learnt_from_and_how_well_it_does(model):
    card = model.card
    assert "BIQ2021" in card.training_data
    assert "Nothing of its Test split" in card.training_data
    assert "Not good for" in card.training_data
    assert "no licence text" in card.licence
    opinions = card.evaluation["human_opinions"]
    # The statistic of one line is the least that a network must beat.
    assert opinions["model"]["srcc"] > opinions["laplacian_variance"]["srcc"]
    assert opinions["photos"] > 1800


@pytest.mark.parametrize("shape", ["own_shape", "square"])
@pytest.mark.parametrize(
    "kind", ["gaussian_blur", "colour_noise", "rescale", "darken", "jpeg"]
)
def test_it_orders_photos_it_never_saw_by_degradation(model, shape, kind):
    found = model.card.evaluation[f"{shape}_{kind}"]["model"]
    within, pooled = (0.85, 0.45) if kind == "jpeg" else (0.95, 0.75)
    assert found["within"] >= within
    assert found["pooled"] >= pooled


def test_it_agrees_with_people_about_photos_it_never_saw(model):
    assert model.card.evaluation["human_opinions"]["model"]["srcc"] >= 0.65


def test_it_orders_a_photo_by_blur_and_by_noise(model):
    photo = photo_like(384, 512, seed=4)
    noise = np.random.default_rng(0).normal(0, 40, photo.shape)
    blurred = Image.fromarray(photo).filter(ImageFilter.GaussianBlur(4))
    versions = [
        photo,
        np.asarray(blurred),
        np.clip(photo + noise, 0, 255).astype(np.uint8),
    ]
    scorer = PackedScorer(model)
    patches = [extract_patches(v, model.config.preprocessing) for v in versions]
    good, *bad = (scorer.score([p])[0].value for p in patches)
    assert good > max(bad)


def test_photos_are_scored_without_naming_a_model(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(photo_like(96, 128)).save(folder / "a.png")
    ledger = tmp_path / "ledger"
    result = run_musiq("score", "--input", folder, "--output", ledger)
    assert result.code == 0, result.err
    assert "the built-in one scores" in result.err
    manifest = manifest_of(ledger)
    assert manifest["models"]["builtin"]["uri"] == BUILT_IN
    (file,) = manifest["files"]
    row = pq.read_table(ledger / file["path"]).to_pylist()[0]
    assert 0 < row["musiq_builtin"] < 1


def test_its_card_can_be_inspected_by_name():
    result = run_musiq("models", "inspect", "builtin")
    assert result.code == 0
    assert "BIQ2021" in result.out
    assert "human opinions:" in result.out
    assert "{" not in result.out
