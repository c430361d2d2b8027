"""The TensorFlow form of decoding and cutting gives what musiq_core gives."""

import functools

import numpy as np
import pytest
from helpers.make_images import encoded, noise
from helpers.shared_data import SHARED

from musiq_core.config import PreprocessingConfig
from musiq_core.images.decode import decode_image
from musiq_core.images.patches import extract_patches
from training.examples import image_tokens
from training.examples.image_tokens import TokenChoice
from training.examples.quiet_tensorflow import tf

PUBLISHED = PreprocessingConfig()
SIZES = [
    *[(1, 1), (2, 1), (1, 300), (31, 33), (32, 32), (33, 64), (95, 1280), (112, 224)],
    *[(224, 224), (384, 384), (330, 640), (513, 768), (1024, 700), (205, 1000)],
]


@functools.cache
def graph(config: PreprocessingConfig, dtype=tf.uint8):
    choices = [TokenChoice()] * config.scale_count

    @tf.function(input_signature=[tf.TensorSpec([None, None, 3], dtype)])
    def tokens(pixels):
        return image_tokens.image_tokens(pixels, config, choices)

    return tokens


def assert_same(config: PreprocessingConfig, pixels: np.ndarray) -> None:
    expected = extract_patches(pixels, config)
    found = graph(config)(pixels)
    np.testing.assert_allclose(
        found["pixels"], expected.normalized(), rtol=0, atol=1e-6
    )
    assert np.array_equal(found["positions"], expected.positions)
    assert np.array_equal(found["scale_ids"], expected.scale_ids)


@pytest.mark.parametrize("size", SIZES)
def test_tokens_are_those_of_the_core(size):
    assert_same(PUBLISHED, noise(*size))


def test_tokens_of_random_sizes_are_those_of_the_core():
    for height, width in np.random.default_rng(0).integers(20, 700, (12, 2)):
        assert_same(PUBLISHED, noise(int(height), int(width)))


@pytest.mark.parametrize(
    "config",
    [
        PreprocessingConfig(scales=()),
        PreprocessingConfig(scales=(50,), patch_size=16, grid_size=7),
    ],
)
def test_other_preprocessings_give_the_tokens_of_the_core(config):
    for size in [(1, 1), (100, 50), (129, 47)]:
        assert_same(config, noise(*size))


def test_positions_fall_short_where_the_published_ones_do():
    config = PreprocessingConfig(scales=(), patch_size=1)
    assert_same(config, noise(205, 3))
    assert_same(config, noise(2, 1999))


def test_mixed_images_are_cut_like_whole_ones():
    pixels = noise(70, 101)
    found = graph(PUBLISHED, tf.float32)(pixels.astype(np.float32))
    np.testing.assert_array_equal(found["pixels"], graph(PUBLISHED)(pixels)["pixels"])


def photos() -> list:
    folders = [SHARED / "photos" / "train", SHARED / "biq2021_subset" / "images"]
    return [path for folder in folders for path in sorted(folder.glob("*.jpg"))[::25]]


def test_jpeg_photos_are_decoded_as_the_core_does():
    assert len(photos()) > 10
    for path in photos():
        data = path.read_bytes()
        found = image_tokens.decode_image(data)
        assert np.array_equal(found, decode_image(data).pixels), path.name


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpegs_of_odd_sizes_are_decoded_as_the_core_does(subsampling, progressive):
    options = {"subsampling": subsampling, "progressive": progressive}
    for size in [(1, 1), (7, 9), (33, 17), (64, 131)]:
        data = encoded(noise(*size), "JPEG", quality=70, **options)
        found = image_tokens.decode_image(data)
        assert np.array_equal(found, decode_image(data).pixels)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_grey_files_are_decoded_as_the_core_does(file_format):
    data = encoded(noise(40, 31)[..., 0], file_format)
    found = image_tokens.decode_image(data)
    assert np.array_equal(found, decode_image(data).pixels)


def test_png_is_decoded_exactly():
    pixels = noise(40, 31)
    assert np.array_equal(image_tokens.decode_image(encoded(pixels)), pixels)


def chosen(pixels: np.ndarray, most: int, seed: int | None):
    choices = [
        TokenChoice(most=most, seed=seed and tf.constant([seed, 0], tf.int64))
    ] * 3
    tokens = image_tokens.image_tokens(pixels, PUBLISHED, choices)
    return {name: array.numpy() for name, array in tokens.items()}


def by_token(pixels: np.ndarray) -> dict:
    patches = extract_patches(pixels, PUBLISHED)
    keys = zip(patches.scale_ids, patches.positions, strict=True)
    tokens: dict = {}
    for (scale, position), token in zip(keys, patches.normalized(), strict=True):
        tokens.setdefault((scale, position), []).append(token)
    return tokens


def test_a_cap_keeps_the_first_tokens_row_by_row():
    pixels = noise(300, 200)
    patches = extract_patches(pixels, PUBLISHED)
    kept = np.concatenate(
        [np.flatnonzero(patches.scale_ids == s)[:9] for s in range(3)]
    )
    found = chosen(pixels, 9, None)
    np.testing.assert_allclose(
        found["pixels"], patches.normalized()[kept], rtol=0, atol=1e-6
    )
    assert np.array_equal(found["positions"], patches.positions[kept])
    assert np.array_equal(found["scale_ids"], patches.scale_ids[kept])


def test_random_tokens_keep_their_positions():
    pixels = noise(300, 200)
    found = chosen(pixels, 9, 5)
    assert np.array_equal(found["scale_ids"], np.repeat([0, 1, 2], 9))
    expected = by_token(pixels)
    for scale, position, token in zip(
        found["scale_ids"], found["positions"], found["pixels"], strict=True
    ):
        nearest = min(np.abs(t - token).max() for t in expected[scale, position])
        assert nearest < 1e-6


def test_another_seed_chooses_other_tokens_and_reaches_all():
    pixels = noise(300, 200)
    expected = extract_patches(pixels, PUBLISHED)
    seen = {tuple(chosen(pixels, 9, seed)["positions"][18:]) for seed in range(1, 25)}
    assert len(seen) == 24
    cells = {cell for cells in seen for cell in cells}
    assert len(cells) > 0.9 * len(set(expected.positions[expected.scale_ids == 2]))


def test_a_cap_above_the_number_of_tokens_keeps_them_all():
    pixels = noise(40, 70)
    for seed in (None, 3):
        found = chosen(pixels, 500, seed)
        expected = extract_patches(pixels, PUBLISHED)
        assert np.array_equal(found["positions"], expected.positions)
        np.testing.assert_allclose(
            found["pixels"], expected.normalized(), rtol=0, atol=1e-6
        )


def test_padding_is_zero_and_masked():
    tokens = image_tokens.image_tokens(noise(40, 70), PUBLISHED, [TokenChoice()] * 3)
    count = len(tokens["positions"])
    padded = image_tokens.pad_tokens(tokens, count + 5)
    assert np.array_equal(padded["mask"], np.arange(count + 5) < count)
    for name, array in tokens.items():
        assert np.array_equal(padded[name][:count], array)
        assert not np.any(padded[name][count:])
