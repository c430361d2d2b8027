import numpy as np
from helpers.make_images import photo_like

from training.builtin.degradation import (
    SEVERITIES,
    degradation,
    measure_curves,
    strength,
    target_quality,
)
from training.builtin.distortions import KINDS


def test_an_image_is_not_degraded_against_itself():
    photo = photo_like(96, 128)
    assert degradation(photo, photo) == 0


def test_the_untouched_photo_has_the_best_target_and_the_worst_one_is_bounded():
    assert target_quality(0) == 1
    assert target_quality(9) == target_quality(1.3) < 0
    assert target_quality(0.1) > target_quality(0.2)


def test_the_strength_of_every_kind_never_falls_with_the_severity():
    curves = measure_curves([photo_like(96, 128)], seed=5)
    assert set(curves) == {kind.name for kind in KINDS}
    for curve in curves.values():
        assert len(curve) == len(SEVERITIES)
        assert all(np.diff(curve) >= 0)
        assert curve[0] > 0


def test_strength_lies_between_the_measured_severities():
    curves = {"jpeg": (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)}
    assert strength(curves, "jpeg", 0.5) == 2.5
