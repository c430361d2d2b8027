"""Every figure is that of the library or paper that it is named after."""

import tracemalloc

import cv2
import numpy as np
import pytest
from helpers.make_images import noise, photo_like
from helpers.shared_data import SHARED
from PIL import Image, ImageStat
from skimage.measure import shannon_entropy

from musiq_core.measures.colorfulness import measure_colorfulness
from musiq_core.measures.grey import shrink_grey, to_grey
from musiq_core.measures.measure import measure_photo
from musiq_core.measures.noise import measure_noise
from musiq_core.measures.sharpness import laplacian, measure_sharpness
from musiq_core.measures.tones import measure_tones

KODIM = np.asarray(Image.open(SHARED / "photos" / "train" / "kodim01.jpg"))
PICTURES = (KODIM, photo_like(341, 513), noise(9, 70), noise(3, 3), noise(1, 5))


def greys() -> list[np.ndarray]:
    return [np.asarray(Image.fromarray(one).convert("L")) for one in PICTURES]


def test_grey_is_pillows_however_the_photo_is_cut_into_strips():
    tall = noise(3000, 700)
    for pixels in (*PICTURES, tall):
        expected = np.asarray(Image.fromarray(pixels).convert("L"))
        np.testing.assert_array_equal(to_grey(pixels), expected)


def test_sharpness_is_the_variance_of_opencvs_laplacian():
    for grey in greys():
        theirs = cv2.Laplacian(grey, cv2.CV_64F)
        np.testing.assert_array_equal(laplacian(grey), theirs)
        assert measure_sharpness(grey)[0] == pytest.approx(theirs.var(), rel=1e-9)


def test_tiles_are_measured_each_by_itself():
    grey = np.full((160, 160), 90, np.uint8)
    grey[:40, :80] = noise(40, 80)[..., 0]  # eight of 64 tiles
    edges = cv2.Laplacian(grey, cv2.CV_64F)
    tiles = [edges[y : y + 20, x : x + 20].var() for y in R for x in R]
    expected = np.percentile(tiles, 90, method="inverted_cdf")
    assert measure_sharpness(grey)[1] == pytest.approx(expected)
    assert measure_sharpness(grey)[1] > 3 * measure_sharpness(grey)[0]


R = range(0, 160, 20)


def test_tones_are_those_of_pillow_and_scikit_image():
    for pixels, grey in zip(PICTURES, greys(), strict=True):
        tones = measure_tones(grey)
        theirs = ImageStat.Stat(Image.fromarray(pixels).convert("L"))
        assert tones.brightness == pytest.approx(theirs.mean[0])
        assert tones.contrast == pytest.approx(theirs.stddev[0])
        assert tones.entropy == pytest.approx(shannon_entropy(grey))
        assert tones.clipped_dark == pytest.approx(np.mean(grey <= 2))
        assert tones.clipped_bright == pytest.approx(np.mean(grey >= 253))


def test_colorfulness_is_that_of_the_paper():
    for pixels in PICTURES:
        red, green, blue = pixels.astype(float).transpose(2, 0, 1)
        first, second = red - green, (red + green) / 2 - blue
        spread = np.hypot(first.std(), second.std())
        mean = np.hypot(first.mean(), second.mean())
        expected = spread + 0.3 * mean
        assert measure_colorfulness(pixels) == pytest.approx(expected, rel=1e-9)


def test_noise_is_that_of_the_paper():
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], float)
    for grey in greys()[:4]:
        found = cv2.filter2D(grey, cv2.CV_64F, kernel)[1:-1, 1:-1]
        expected = np.sqrt(np.pi / 2) / 6 * np.abs(found).mean()
        assert measure_noise(grey) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("sigma", [2, 8, 20])
def test_noise_that_was_added_is_found(sigma):
    random = np.random.default_rng(sigma)
    soft = np.tile(np.linspace(60, 180, 400), (300, 1))
    noisy = np.clip(soft + random.normal(0, sigma, soft.shape), 0, 255)
    assert measure_noise(noisy.astype(np.uint8)) == pytest.approx(sigma, rel=0.1)


def test_a_photo_without_inner_pixels_has_no_noise_figure():
    assert measure_noise(noise(2, 50)[..., 0]) is None


def test_large_photos_are_measured_as_their_copies_of_1024_pixels():
    large = np.asarray(Image.fromarray(KODIM).resize((2400, 1600)))
    grey = to_grey(large)
    shrunk = shrink_grey(grey)
    assert shrunk.shape == (683, 1024)
    expected = cv2.Laplacian(shrunk, cv2.CV_64F).var()
    assert measure_photo(large).sharpness == pytest.approx(expected)


def test_measures_move_as_they_should():
    sharp = measure_photo(KODIM)
    soft = measure_photo(cv2.GaussianBlur(KODIM, (0, 0), 2))
    grey = measure_photo(np.repeat(to_grey(KODIM)[..., None], 3, axis=2))
    dark = measure_photo((KODIM // 4).astype(np.uint8))
    assert soft.sharpness < sharp.sharpness / 4
    assert soft.sharpness_tile < sharp.sharpness_tile / 4
    assert grey.colorfulness == 0 < sharp.colorfulness
    assert dark.brightness < sharp.brightness / 3
    assert dark.contrast < sharp.contrast
    assert dark.clipped_dark > sharp.clipped_dark


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (2, 2), (8, 9)])
def test_every_size_can_be_measured(size):
    assert measure_photo(noise(*size)).brightness > 0


def test_a_flat_photo_has_nothing_but_brightness():
    flat = measure_photo(np.full((64, 80, 3), 128, np.uint8))
    assert flat.brightness == 128
    figures = (flat.sharpness, flat.sharpness_tile, flat.contrast, flat.entropy)
    assert (*figures, flat.colorfulness, flat.noise) == (0,) * 6


def test_a_large_photo_takes_a_byte_or_two_more_for_each_pixel():
    pixels = np.zeros((4000, 6000, 3), np.uint8)
    measure_photo(pixels[:2000])
    tracemalloc.start()
    measure_photo(pixels)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.5 * 4000 * 6000
