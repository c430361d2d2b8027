"""BIQ2021 photographs in the layout of its release, as far as they are at hand."""

import csv
import io

import numpy as np
import pytest
from helpers.prepared import prepare
from helpers.shared_data import SHARED
from PIL import Image

from musiq_core.images.decode import decode_image

SUBSET = SHARED / "biq2021_subset"
TRAIN_COUNT, TEST_COUNT = 24, 6


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """A release of some of the photos, and its files and scores by official name."""
    folder = tmp_path_factory.mktemp("biq2021")
    with (SUBSET / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[: TRAIN_COUNT + TEST_COUNT]
    (folder / "Images").mkdir()
    photos = {}
    for row in rows:
        name = row["source_name"].removeprefix("Images/")
        data = (SUBSET / "images" / row["image_name"]).read_bytes()
        (folder / "Images" / name).write_bytes(data)
        photos[name] = (data, float(row["mos"]))
    names = list(photos)
    for split, part in (("Train", names[:TRAIN_COUNT]), ("Test", names[TRAIN_COUNT:])):
        lines = ["Image Name,MOS", *(f"{name},{photos[name][1]}" for name in part)]
        (folder / f"{split} (Images and MOS).csv").write_text("\n".join(lines))
    return folder, photos


def test_real_photos_keep_their_scores_and_pixels(originals, tmp_path):
    release, photos = originals
    prepared = prepare("biq2021", release, tmp_path / "prepared")
    assert len(prepared.names("train")) == TRAIN_COUNT
    assert len(prepared.names("test")) == TEST_COUNT
    untouched = 0
    for name, (data, score) in photos.items():
        example = prepared.examples[name]
        assert example.label == (score,)
        if example.image == data:
            untouched += 1
        else:
            stored = np.asarray(Image.open(io.BytesIO(example.image)))
            np.testing.assert_array_equal(stored, decode_image(data).pixels)
    assert untouched > 0.8 * len(photos)
