import concurrent.futures
import dataclasses
import itertools

import numpy as np
import pytest
from helpers.make_images import photo_like
from PIL import Image

from training.builtin import batches
from training.builtin.batches import BatchConfig, training_batches
from training.builtin.degradation import SEVERITIES
from training.builtin.distortions import KINDS
from training.builtin.graded_model import CONFIG
from training.builtin.photo_sets import PhotoSets
from training.builtin.photos import LabelledPhoto

# One group and one labelled photo serve all steps of a window.
SMALL = BatchConfig(
    preprocessing=CONFIG.preprocessing,
    graded_groups=1,
    labelled_images=1,
    resized_tokens=3,
    native_tokens=5,
    uses=400,
    seed=7,
)


@pytest.fixture
def pool(tmp_path):
    paths = []
    for number in range(3):
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.roll(photo_like(96, 128), 40 * number, axis=1)).save(path)
        paths.append(str(path))
    photos = PhotoSets(
        collected=tuple(paths[:2]),
        undistorted=tuple(paths[2:]),
        labelled=tuple(LabelledPhoto(path=p, opinion=0.25) for p in paths),
        curves={kind.name: tuple(SEVERITIES) for kind in KINDS},
    )
    # Threads share what `use_photos` sets, as a process of the real pool has its own.
    batches.use_photos(photos)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        yield pool


def test_a_resumed_run_sees_the_batches_that_it_would_have_seen(pool):
    whole = list(itertools.islice(training_batches(SMALL, pool, 396), 8))
    resumed = list(itertools.islice(training_batches(SMALL, pool, 399), 5))
    for expected, found in zip(whole[3:], resumed, strict=True):
        for name, values in expected.items():
            assert np.array_equal(values, found[name]), name


def test_every_use_of_an_image_shows_other_tokens(pool):
    first, second = itertools.islice(training_batches(SMALL, pool, 0), 2)
    assert np.array_equal(first["labels"], second["labels"])
    assert not np.array_equal(first["positions"], second["positions"])


def test_graded_images_come_first_and_labelled_ones_have_no_kind(pool):
    batch = next(training_batches(SMALL, pool, 0))
    assert batch["is_graded"].tolist() == [True] * 4 + [False]
    assert batch["labels"][4, 0] == 0.25
    assert not batch["kinds"][4].any()
    assert batch["pixels"].shape == (5, 8, 32 * 32 * 3)
    assert np.abs(batch["pixels"]).max() <= 1
    assert batch["mask"].all()
    assert batch["scale_ids"].tolist() == [[0] * 3 + [1] * 5] * 5


def test_uses_that_do_not_divide_a_window_are_refused():
    with pytest.raises(ValueError, match="uses must divide 400, got 7"):
        dataclasses.replace(SMALL, uses=7)


def test_a_favoured_kind_is_drawn_as_many_times_as_often():
    favoured = dataclasses.replace(SMALL, favours=(("darken", 4),))
    ratio = favoured.kind_weights / SMALL.kind_weights
    assert {kind.name: r for kind, r in zip(KINDS, ratio, strict=True) if r != 1} == {
        "darken": 4
    }
    with pytest.raises(ValueError, match=r"no kinds of degradation: \['dimmed'\]"):
        dataclasses.replace(SMALL, favours=(("dimmed", 2),))
