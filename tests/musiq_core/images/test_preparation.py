"""From a file's bytes to patches, and the cap on tokens."""

import numpy as np
import pytest
from helpers.make_images import encoded, noise
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from musiq_core.config import PreprocessingConfig
from musiq_core.images.patches import count_tokens, extract_patches
from musiq_core.images.preparation import PreparationConfig, fitting_size, prepare
from schemas.failures import ImageFailure
from schemas.image_facts import ImageFacts

MULTI, SINGLE = PreprocessingConfig(), PreprocessingConfig(scales=())
BOTH = PreparationConfig(preprocessings=(MULTI, SINGLE))


def tokens(height: int, width: int) -> int:
    return max(count_tokens(height, width, p) for p in BOTH.preprocessings)


def test_every_preprocessing_gets_the_patches_of_the_decoded_photo():
    pixels = noise(70, 90)
    preparation = prepare(encoded(pixels), BOTH)
    for config, patches in zip(BOTH.preprocessings, preparation.patches, strict=True):
        expected = extract_patches(pixels, config)
        np.testing.assert_array_equal(patches.normalized(), expected.normalized())
    assert preparation.facts == ImageFacts(
        format="PNG",
        width=90,
        height=70,
        frames=1,
        orientation=1,
        tokens=tokens(70, 90),
        shrink_factor=1.0,
    )


@given(st.integers(64, 5000), st.integers(64, 5000), st.integers(194, 3000))
def test_a_capped_photo_has_as_many_tokens_as_it_may(height, width, cap):
    if max(height, width) > 20 * min(height, width):
        return
    shrunk = fitting_size(height, width, BOTH.preprocessings, cap)
    assert tokens(*shrunk) <= cap
    if shrunk == (height, width):
        return
    longer = max(shrunk) + 1
    side = max(height, width)
    larger = round(height * longer / side), round(width * longer / side)
    assert larger == (height, width) or tokens(*larger) > cap
    assert abs(shrunk[0] * width - shrunk[1] * height) <= max(height, width)


def test_a_cap_shrinks_with_an_antialiased_filter_and_says_so():
    pixels = noise(600, 900)
    config = PreparationConfig(preprocessings=(MULTI,), max_tokens=400)
    preparation = prepare(encoded(pixels), config)
    height, width = fitting_size(600, 900, (MULTI,), 400)
    filtered = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)
    expected = extract_patches(np.asarray(filtered), MULTI)
    np.testing.assert_array_equal(
        preparation.patches[0].normalized(), expected.normalized()
    )
    facts = preparation.facts
    assert (facts.width, facts.height) == (900, 600)
    assert facts.shrink_factor == width / 900
    assert facts.tokens == expected.token_count <= 400


def test_a_photo_within_the_cap_stays_as_it_is():
    config = PreparationConfig(preprocessings=(MULTI,), max_tokens=tokens(300, 300))
    capped, plain = (
        prepare(encoded(noise(70, 90)), config),
        prepare(encoded(noise(70, 90)), PreparationConfig(preprocessings=(MULTI,))),
    )
    assert capped.facts == plain.facts


@pytest.mark.parametrize("cap", [193, 65536])
def test_a_cap_that_the_resized_copies_exceed_is_refused(cap):
    with pytest.raises(ValueError, match=r"max_tokens must be in 194\.\.65535"):
        PreparationConfig(preprocessings=(MULTI,), max_tokens=cap)


def test_a_shape_that_fails_says_what_it_was():
    with pytest.raises(ImageFailure) as caught:
        prepare(encoded(noise(1, 1000)), BOTH)
    assert caught.value.failure == "unsupported_shape"
    assert caught.value.facts.height == 1
