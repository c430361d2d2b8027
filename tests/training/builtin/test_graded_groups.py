import numpy as np
from helpers.make_images import photo_like

from training.builtin.degradation import SEVERITIES
from training.builtin.distortions import KINDS
from training.builtin.graded_groups import GROUP_SIZE, make_group
from training.builtin.graded_model import CONFIG

CURVES = {kind.name: tuple(SEVERITIES) for kind in KINDS}


def group(seed, weights=None):
    return make_group(
        photo_like(320, 352),
        CURVES,
        CONFIG.preprocessing,
        native_count=30,
        kind_weights=np.ones(len(KINDS)) if weights is None else weights,
        rng=np.random.default_rng(seed),
    )


def test_a_group_follows_from_its_seed():
    one, again, other = group(1), group(1), group(2)
    assert len(one) == GROUP_SIZE
    for image, same in zip(one, again, strict=True):
        assert np.array_equal(image.native, same.native)
        assert image.target == same.target
    assert [i.target for i in one] != [i.target for i in other]


def test_targets_fall_with_the_severity_and_only_untouched_photos_have_no_kind():
    untouched = 0
    for seed in range(12):
        images = group(seed)
        for image in images:
            assert (image.target == 1) == (image.kinds.sum() == 0)
            assert image.kinds.sum() <= 2
        untouched += images[0].target == 1
    assert 4 < untouched <= 12


def test_tokens_keep_their_true_positions():
    for image in group(3):
        assert len(image.resized) == len(image.resized_positions)
        assert len(image.native) == len(image.native_positions) <= 30
        assert image.native.dtype == np.uint8
        assert len(np.unique(image.native_positions)) > 5


def test_kinds_are_drawn_as_often_as_their_weights_say():
    weights = np.array([kind.name in ("darken", "haze") for kind in KINDS], float)
    for seed in range(6):
        for image in group(seed, weights):
            assert not image.kinds[weights == 0].any()
