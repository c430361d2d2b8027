"""Rounding stays small where there is next to nothing in a picture, too."""

import jax.numpy as jnp
import numpy as np
import pytest
from helpers.float64_model import float64_score
from helpers.golden_models import read_golden_model
from helpers.tiny_models import TINY, tiny_model_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musiq_core.images.patches import extract_patches
from musiq_core.model_files.model_file import Model, read_model_file
from musiq_core.programs.bucketed.scorer import BucketedScorer
from musiq_core.programs.packed.scorer import PackedScorer
from musiq_core.programs.scorer import Scorer


def two_level(height: int, width: int, grey: int, step: int, share: float, seed: int):
    """Pixels of `grey`, and of `grey + step` where chance will have it."""
    random = np.random.default_rng(seed)
    is_other = random.random((height, width, 1)) < share
    return np.broadcast_to(grey + step * is_other, (height, width, 3)).astype(np.uint8)


PICTURES = st.builds(
    two_level,
    st.sampled_from([33, 64, 100]),
    st.sampled_from([40, 64]),
    grey=st.one_of(st.integers(126, 129), st.integers(0, 254)),
    step=st.sampled_from([0, 1]),
    share=st.sampled_from([0, 0.001, 0.5, 1]),
    seed=st.integers(0, 9),
)


@pytest.fixture(scope="module")
def forms() -> list[Scorer]:
    model = read_model_file(tiny_model_file())
    return [
        PackedScorer(model),
        BucketedScorer(model, jnp.float32, batch_rows=256),
    ]


def distance(scorer: Scorer, model: Model, pixels: np.ndarray) -> float:
    [score] = scorer.score([extract_patches(pixels, model.config.preprocessing)])
    exact = float64_score(dict(model.parameters), model.config, pixels)
    return abs(score.value - exact)


@given(pixels=PICTURES)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_pictures_of_one_or_two_greys_score_as_in_float64(forms, pixels):
    for scorer in forms:
        assert distance(scorer, scorer.model, pixels) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("form", [PackedScorer, BucketedScorer])
def test_ten_outputs_of_the_published_size_do_so_as_well(form):
    model = read_golden_model("multi_10")
    scorer = form(model) if form is PackedScorer else form(model, jnp.float32)
    black_and_white = two_level(64, 64, 0, 255, 0.5, 0)
    for grey in (127, 128):
        pixels = two_level(64, 90, grey, 0, 0, 0)
        assert distance(scorer, model, pixels) < 5e-5, grey
        pixels[:8, :8] = 255  # flat but for a corner
        assert distance(scorer, model, pixels) < 5e-5, grey
    assert distance(scorer, model, black_and_white) < 5e-5


def test_a_flat_picture_stays_flat_when_it_is_resized():
    for grey in range(256):
        pixels = np.full((40, 50, 3), grey, np.uint8)
        resized = extract_patches(pixels, TINY.preprocessing).resized
        own = (grey - 127.5) / 127.5
        seen = resized[resized != 0]
        assert np.abs(seen - own).max() <= abs(own) * 1e-6
