"""The accelerators' program is the same model; here it runs on the CPU."""

import jax.numpy as jnp
import numpy as np
import pytest
from helpers.golden_models import (
    VARIANTS,
    golden_patches,
    image_names,
    mode_of,
    read_golden_model,
)
from helpers.make_images import noise
from helpers.shared_data import golden
from helpers.tiny_models import TINY, tiny_model_file

from musiq_core.images.patches import extract_patches
from musiq_core.model_files.model_file import read_model_file
from musiq_core.programs.bucketed.scorer import BucketedScorer
from musiq_core.programs.packed.scorer import PackedScorer

TINY_MODEL = read_model_file(tiny_model_file())


def exact_scorer(**settings) -> BucketedScorer:
    return BucketedScorer(TINY_MODEL, jnp.float32, **settings)


def photos(*sizes: tuple[int, int]):
    return [
        extract_patches(noise(*s, seed), TINY.preprocessing)
        for seed, s in enumerate(sizes)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_scores_in_float32_equal_the_published_ones(variant):
    scorer = BucketedScorer(read_golden_model(variant), jnp.float32, batch_rows=256)
    for name in image_names():
        [score] = scorer.score([golden_patches(name, mode_of(variant), "fast")])
        published = float(golden()[f"{name}/{variant}/score"])
        assert abs(score.value - published) < 5e-5, name


def test_in_float32_it_scores_as_the_packed_program_does():
    images = photos((40, 70), (7, 300), (200, 180), (64, 64))
    packed = PackedScorer(TINY_MODEL).score(images)
    bucketed = exact_scorer(batch_rows=1024).score(images)
    for one, other in zip(packed, bucketed, strict=True):
        np.testing.assert_allclose(one.distribution, other.distribution, atol=1e-5)


def test_an_image_longer_than_a_block_of_queries_scores_the_same():
    [image] = photos((800, 800))
    [packed] = PackedScorer(TINY_MODEL).score([image])
    [bucketed] = exact_scorer(batch_rows=256).score([image])
    assert bucketed.value == pytest.approx(packed.value, abs=1e-5)


def test_bfloat16_moves_scores_by_little():
    images = photos((40, 70), (200, 180), (64, 64))
    exact = exact_scorer(batch_rows=1024).score(images)
    rounded = BucketedScorer(TINY_MODEL, batch_rows=1024).score(images)
    moved = [abs(a.value - b.value) for a, b in zip(exact, rounded, strict=True)]
    assert 0 < max(moved) < 0.04  # one per cent of the model's range


def test_company_does_not_change_a_score():
    scorer = exact_scorer(batch_rows=1024)
    images = photos((40, 70), (200, 180), (64, 64))
    together = scorer.score(images)
    for image, score in zip(images, together, strict=True):
        assert scorer.score([image])[0].value == pytest.approx(score.value, abs=1e-5)


def test_an_image_of_nan_spoils_no_other():
    scorer = exact_scorer(batch_rows=1024)
    good, bad = photos((40, 70), (50, 50))
    [alone] = scorer.score([good])
    bad.resized[:] = np.nan
    first, spoilt, last = scorer.score([good, bad, good])
    assert np.isnan(spoilt.value)
    assert first.value == pytest.approx(alone.value, abs=1e-6)
    assert last.value == pytest.approx(alone.value, abs=1e-6)


def test_one_length_needs_one_program_and_counts_its_padding():
    scorer = exact_scorer(batch_rows=512)
    for size in ((40, 70), (64, 64), (50, 90)):
        scorer.score(photos(size))
    assert scorer.statistics.compilations == 4  # two that embed, one places, one length
    assert scorer.statistics.computed_tokens == 3 * 512
    assert scorer.statistics.images == 3


def test_more_images_than_a_batch_holds_are_refused():
    with pytest.raises(ValueError, match="3 images do not fit: a batch of 256 rows"):
        exact_scorer(batch_rows=512).score(photos((40, 70), (64, 64), (50, 50)))
