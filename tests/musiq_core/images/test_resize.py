import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musiq_core.images.resize import gaussian_taps, resize, target_size


@pytest.mark.parametrize(
    ("size", "longer_side", "expected"),
    [
        ((330, 640), 224, (116, 224)),  # 115 in float64
        ((95, 1280), 384, (29, 384)),  # 28 in float64
        ((513, 768), 384, (256, 384)),  # half to even; half up gives 257
        ((10, 10), 224, (224, 224)),
        ((1, 1000), 224, (0, 224)),
    ],
)
def test_target_size_rounds_half_to_even_in_float32(size, longer_side, expected):
    assert target_size(*size, longer_side) == expected


@given(st.integers(1, 20000), st.integers(1, 20000), st.sampled_from([224, 384]))
def test_the_longer_side_always_lands_on_its_target(height, width, longer_side):
    assert max(target_size(height, width, longer_side)) == longer_side


@given(st.integers(1, 3000), st.integers(1, 600))
def test_taps_lie_inside_the_image_and_weights_sum_to_one(source, target):
    indices, weights = gaussian_taps(source, target)
    assert indices.min() >= 0
    assert indices.max() < source
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)


def test_the_same_size_is_filtered_too():
    _, weights = gaussian_taps(224, 224)
    inner = weights[100][weights[100] > 0]
    np.testing.assert_allclose(inner, [0.107, 0.787, 0.107], atol=1e-3)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 60), st.integers(1, 60))
def test_a_constant_image_stays_constant(height, width, new_height, new_width):
    pixels = np.full((height, width, 3), 77, np.uint8)
    resized = resize(pixels, new_height, new_width)
    assert resized.shape == (new_height, new_width, 3)
    np.testing.assert_allclose(resized, 77, rtol=1e-6)


def test_resize_equals_the_dense_matrix_product():
    pixels = np.random.default_rng(0).integers(0, 256, (61, 47, 3), np.uint8)

    def matrix(source, target):
        dense = np.zeros((target, source))
        for row, (indices, weights) in enumerate(
            zip(*gaussian_taps(source, target), strict=True)
        ):
            np.add.at(dense[row], indices, weights)
        return dense

    expected = np.einsum(
        "ah,hwc,bw->abc", matrix(61, 25), pixels.astype(np.float64), matrix(47, 90)
    )
    np.testing.assert_allclose(resize(pixels, 25, 90), expected, atol=1e-4)
