import numpy as np
import pytest
from helpers.golden_models import SCALES, golden_patches, image_names
from helpers.shared_data import golden
from hypothesis import given, settings
from hypothesis import strategies as st

from musiq_core.config import PreprocessingConfig
from musiq_core.images.patches import count_tokens, extract_patches, scaled_sizes
from musiq_core.images.resize import target_size
from schemas.failures import ImageFailure

BOTH_DCTS = [("fast", ""), ("accurate", "_islow")]


def checks_of(values: np.ndarray) -> np.ndarray:
    x = values.ravel().astype(np.float64)
    weights = (np.arange(x.size) % 9973 + 1) / 9973
    return np.array([x.sum(), abs(x).sum(), (x * x).sum(), (x * weights).sum()])


@pytest.mark.parametrize("mode", SCALES)
@pytest.mark.parametrize("name", image_names())
def test_sizes_positions_and_scales_equal_the_published_ones(name, mode):
    patches = golden_patches(name, mode)
    assert patches.positions.tolist() == golden()[f"{name}/{mode}/hse"].tolist()
    assert patches.scale_ids.tolist() == golden()[f"{name}/{mode}/scale_ids"].tolist()
    height, width = golden()[f"{name}/decoded_shape"][:2]
    sizes = scaled_sizes(height, width, PreprocessingConfig(scales=SCALES[mode]))
    assert sizes == [tuple(hw) for hw in golden()[f"{name}/{mode}/resized_hw"]]


@pytest.mark.parametrize("mode", SCALES)
@pytest.mark.parametrize("name", image_names())
@pytest.mark.parametrize(("dct", "suffix"), BOTH_DCTS)
def test_pixels_equal_the_published_ones(name, mode, dct, suffix):
    if f"{name}/{mode}{suffix}/patch_sample" not in golden():
        suffix = ""  # only JPEGs depend on the inverse DCT
    patches = golden_patches(name, mode, dct)
    counts = golden()[f"{name}/{mode}{suffix}/tokens"]
    starts = np.cumsum([0, *counts])
    for scale, (start, count) in enumerate(zip(starts, counts, strict=False)):
        pixels = patches.normalized()[start : start + count]
        where = golden()[f"{name}/{mode}{suffix}/patch_sample_idx"][scale]
        sample = golden()[f"{name}/{mode}{suffix}/patch_sample"][scale]
        np.testing.assert_allclose(pixels.ravel()[where], sample, atol=2e-6)
        checks = golden()[f"{name}/{mode}{suffix}/patch_checks"][scale]
        np.testing.assert_allclose(
            checks_of(pixels) / pixels.size, checks / pixels.size, atol=5e-7
        )


@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from([(), (64,), (48, 96)]))
@settings(max_examples=50, deadline=None)
def test_any_shape_gives_the_promised_number_of_tokens(height, width, scales):
    config = PreprocessingConfig(scales=scales)
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    if any(0 in target_size(height, width, longer) for longer in scales):
        return
    expected = count_tokens(height, width, config)
    patches = extract_patches(pixels, config)
    assert patches.token_count == expected == len(patches.normalized())
    assert set(patches.scale_ids) == set(range(config.scale_count))
    assert patches.normalized().min() >= -1 - 1e-6
    assert patches.normalized().max() <= 1 + 1e-6


def test_padding_is_mid_grey_on_both_sides_the_odd_pixel_after():
    pixels = np.full((30, 29, 3), 255, np.uint8)
    [patch] = extract_patches(pixels, PreprocessingConfig(scales=())).normalized()
    is_image = (patch.reshape(32, 32, 3) == 1).all(axis=-1)
    assert is_image[1:31, 1:30].all()
    assert is_image.sum() == 30 * 29
    assert (patch.reshape(32, 32, 3)[~is_image] == 0).all()


def test_too_thin_an_image_is_a_failure_that_names_its_size():
    pixels = np.zeros((1, 1000, 3), np.uint8)
    with pytest.raises(ImageFailure) as caught:
        extract_patches(pixels, PreprocessingConfig())
    assert caught.value.failure == "unsupported_shape"
    assert "1000 x 1 pixels is too thin" in caught.value.detail
    assert count_tokens(1, 1000, PreprocessingConfig(scales=())) == 32
