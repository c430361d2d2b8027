"""The face for notebooks: one picture in, its score out."""

import subprocess
import sys

import numpy as np
import pytest
from helpers.golden_models import golden_model_file, image_names
from helpers.make_images import encoded, noise
from helpers.shared_data import golden
from helpers.tiny_models import TINY, tiny_model_file

from musiq_core.images.decode import DecodeConfig
from musiq_core.images.patches import extract_patches
from musiq_core.model_files.model_file import ModelFileError, read_model_file
from musiq_core.programs.packed.scorer import PackedScorer
from musiq_core.score import ImageScorer


@pytest.fixture(scope="module")
def tiny() -> ImageScorer:
    return ImageScorer(tiny_model_file())


def test_an_array_scores_as_it_does_in_a_batch(tiny):
    pixels = noise(60, 90)
    packed = PackedScorer(read_model_file(tiny_model_file()))
    [score] = packed.score([extract_patches(pixels, TINY.preprocessing)])
    assert tiny.score(pixels) == score
    assert tiny.card.score_range == (1, 5)


def test_a_file_scores_as_its_pixels_do(tiny):
    pixels = noise(60, 90)
    assert tiny.score_file(encoded(pixels, "PNG")) == tiny.score(pixels)


def test_a_file_scores_what_the_published_model_says():
    name = image_names()[0]
    score = ImageScorer(golden_model_file("multi_1")).score_file(
        golden()[f"{name}/encoded"].tobytes(), DecodeConfig(orientation="ignore")
    )
    assert abs(score.value - float(golden()[f"{name}/multi_1/score"])) < 5e-5


def test_without_a_file_it_is_the_built_in_model():
    scorer = ImageScorer()
    low, high = scorer.card.score_range
    assert low <= scorer.score(noise(40, 60)).value <= high


def test_a_file_that_is_no_model_is_refused():
    with pytest.raises(ModelFileError, match=r"not a whole \.safetensors file"):
        ImageScorer(b"model")


def test_importing_the_package_does_not_import_jax():
    code = "import sys, musiq_core; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 4), (0, 8, 3)])
def test_what_is_no_picture_is_refused(tiny, shape):
    with pytest.raises(ValueError, match=r"pixels must be uint8 \[height, width, 3\]"):
        tiny.score(np.zeros(shape, np.uint8))
