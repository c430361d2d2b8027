import numpy as np
import pytest
from helpers.make_images import photo_like

from training.builtin.degradation import degradation
from training.builtin.distortions import KINDS


@pytest.fixture(scope="module")
def photo():
    return photo_like(160, 208)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_severe_degradation_is_stronger_than_a_slight_one(kind, photo):
    slight, severe = (
        degradation(photo, kind.distort(photo, severity, np.random.default_rng(3)))
        for severity in (0.0, 1.0)
    )
    assert 0 < slight < severe


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_pixels_keep_their_shape_and_type_and_follow_from_the_seed(kind, photo):
    versions = [
        kind.distort(photo, 0.5, np.random.default_rng(seed)) for seed in (1, 1, 2)
    ]
    assert versions[0].shape == photo.shape
    assert versions[0].dtype == np.uint8
    assert np.array_equal(versions[0], versions[1])


def test_the_original_is_never_changed(photo):
    before = photo.copy()
    for kind in KINDS:
        kind.distort(photo, 1.0, np.random.default_rng(0))
    assert np.array_equal(photo, before)


def test_names_of_kinds_are_unique():
    assert len({kind.name for kind in KINDS}) == len(KINDS) == 24
