"""Flips, crops and mixtures: what they keep, and what their seed decides."""

import functools

import numpy as np
import pytest
from helpers.make_images import noise

from training.examples import augmentation
from training.examples.quiet_tensorflow import tf


def seed(number: int) -> tf.Tensor:
    return tf.constant([3, number], tf.int64)


@functools.cache
def crop_graph(min_area: float, patch_size: int, max_patches: int | None):
    image = tf.TensorSpec([None, None, 3], tf.uint8)

    @tf.function(input_signature=[image, image, tf.TensorSpec([3, 2], tf.int64)])
    def crops(first, second, seeds):
        return augmentation.random_crops(
            [first, second],
            [seeds[0], seeds[1]],
            seeds[2],
            min_area=min_area,
            patch_size=patch_size,
            max_patches=max_patches,
        )

    return crops


def crops_of(first, second, number, *, min_area=0.25, patch_size=32, max_patches=None):
    seeds = tf.stack([seed(3 * number + k) for k in range(3)])
    crops = crop_graph(min_area, patch_size, max_patches)(first, second, seeds)
    return [crop.numpy() for crop in crops]


def place_of(crop: np.ndarray, image: np.ndarray) -> tuple[int, int]:
    """Row and column of a crop in its image of noise, or fail."""
    rows, columns = np.nonzero((image == crop[0, 0]).all(axis=-1))
    for row, column in zip(rows, columns, strict=True):
        found = image[row : row + crop.shape[0], column : column + crop.shape[1]]
        if np.array_equal(found, crop):
            return int(row), int(column)
    raise AssertionError("the crop is no part of its image")


def test_half_of_the_images_are_mirrored():
    pixels = tf.constant(noise(5, 7))
    flipped = 0
    for number in range(200):
        found = augmentation.random_flip(pixels, seed(number)).numpy()
        is_flipped = np.array_equal(found, pixels[:, ::-1])
        assert is_flipped or np.array_equal(found, pixels)
        flipped += is_flipped
    assert 70 <= flipped <= 130


def test_crops_of_a_pair_have_one_size_and_are_parts_of_their_images():
    first, second = noise(120, 90), noise(60, 200)
    sizes = set()
    for number in range(40):
        a, b = crops_of(first, second, number)
        assert a.shape == b.shape
        place_of(a, first)
        place_of(b, second)
        sizes.add(a.shape)
    assert len(sizes) > 30


def test_crops_keep_their_share_of_the_area_and_about_their_shape():
    image = noise(300, 200)
    shares, stretches = [], []
    for number in range(150):
        height, width, _ = crops_of(image, image, number)[0].shape
        shares.append(height * width / (300 * 200))
        stretches.append(np.log((width / 200) / (height / 300)))
    # Whole pixels and the image's sides make both a little smaller.
    assert min(shares) > 0.24
    assert max(shares) > 0.9
    assert 0.5 < np.mean(shares) < 0.7
    assert max(np.abs(stretches)) < np.log(4 / 3) + 0.02
    assert abs(np.mean(stretches)) < 0.05


def test_crops_reach_all_places():
    image = noise(60, 80)
    places = []
    for number in range(150):
        crop = crops_of(image, image, number, min_area=0.01)[0]
        room = np.array([60 - crop.shape[0], 80 - crop.shape[1]])
        places.append(np.array(place_of(crop, image)) / np.maximum(room, 1))
    assert np.allclose(np.mean(places, axis=0), 0.5, atol=0.12)
    assert np.min(places, axis=0).max() < 0.1
    assert np.max(places, axis=0).min() > 0.9


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (31, 2000), (1, 1), (64, 64)])
@pytest.mark.parametrize("max_patches", [1, 5, 12])
def test_crops_have_no_more_patches_than_allowed(size, max_patches):
    image = noise(*size)
    for number in range(10):
        height, width, _ = crops_of(
            image, image, number, min_area=0.5, max_patches=max_patches
        )[0].shape
        assert -(-height // 32) * -(-width // 32) <= max_patches
        assert min(height, width) >= 1


def test_a_limit_uses_most_of_the_patches_allowed():
    image = noise(600, 400)
    for number in range(10):
        crop = crops_of(image, image, number, min_area=0.9, max_patches=60)[0]
        height, width, _ = crop.shape
        assert height % 32 == width % 32 == 0
        assert height * width / 32**2 > 0.75 * 60


def test_mixtures_add_up_to_both_images():
    first, second = noise(20, 30, 1), noise(20, 30, 2)
    share = tf.constant(0.7)
    a, b = augmentation.mix(first, second, share)
    np.testing.assert_allclose(a, first * 0.7 + second * 0.3, rtol=1e-5)
    np.testing.assert_allclose(a + b, first.astype(float) + second, rtol=1e-5)


@pytest.mark.parametrize(("alpha", "mean"), [(0.2, 0.9), (0.5, 0.818), (50.0, 0.54)])
def test_shares_follow_the_larger_side_of_a_beta_distribution(alpha, mean):
    shares = [augmentation.mixup_share(seed(n), alpha).numpy() for n in range(400)]
    draws = np.random.default_rng(0).beta(alpha, alpha, 20000)
    expected = np.maximum(draws, 1 - draws)
    assert min(shares) >= 0.5
    assert max(shares) <= 1
    assert np.mean(shares) == pytest.approx(expected.mean(), abs=0.03)
    assert np.mean(shares) == pytest.approx(mean, abs=0.03)


def test_purposes_have_independent_seeds():
    values = np.array(
        [
            [
                tf.random.stateless_uniform(
                    [], augmentation.seed_for(seed(number), purpose)
                )
                for purpose in range(3)
            ]
            for number in range(200)
        ]
    )
    correlations = np.corrcoef(values.T)[np.triu_indices(3, 1)]
    assert np.abs(correlations).max() < 0.25
