import concurrent.futures
import dataclasses
import functools
import itertools
import pickle

import numpy as np
import pytest
from helpers.make_images import photo_like
from PIL import Image

from training.builtin.batches import (
    BatchConfig,
    graded_group,
    labelled_image,
    training_batches,
)
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
def photos(tmp_path):
    paths = []
    for number in range(3):
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.roll(photo_like(96, 128), 40 * number, axis=1)).save(path)
        paths.append(str(path))
    return PhotoSets(
        collected=tuple(paths[:2]),
        undistorted=tuple(paths[2:]),
        labelled=tuple(LabelledPhoto(path=p, opinion=0.25) for p in paths),
        curves={kind.name: tuple(SEVERITIES) for kind in KINDS},
    )


@pytest.fixture
def batches_from(photos):
    """A function from steps that were done to the batches after them."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        yield functools.partial(training_batches, photos, SMALL, pool)


@pytest.mark.parametrize("job_of", [graded_group, labelled_image])
def test_what_a_job_makes_follows_from_its_number_and_it_takes_little_along(
    photos, job_of
):
    first, again, other = (job_of(photos, SMALL, number) for number in (5, 5, 6))
    many = dataclasses.replace(photos, labelled=photos.labelled * 1000)
    assert len(pickle.dumps(job_of(many, SMALL, 5))) < 10_000
    [made, remade, different] = (job()[0].native for job in (first, again, other))
    assert np.array_equal(made, remade)
    assert not np.array_equal(made, different)


def test_a_resumed_run_sees_the_batches_that_it_would_have_seen(batches_from):
    whole = list(itertools.islice(batches_from(396), 8))
    resumed = list(itertools.islice(batches_from(399), 5))
    for expected, found in zip(whole[3:], resumed, strict=True):
        for name, values in expected.items():
            assert np.array_equal(values, found[name]), name


def test_every_use_of_an_image_shows_other_tokens(batches_from):
    first, second = itertools.islice(batches_from(0), 2)
    assert np.array_equal(first["labels"], second["labels"])
    assert not np.array_equal(first["positions"], second["positions"])


def test_graded_images_come_first_and_labelled_ones_have_no_kind(batches_from):
    batch = next(batches_from(0))
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
