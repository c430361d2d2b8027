import csv

import numpy as np
import pytest
from helpers.make_images import photo_like
from PIL import Image

from training.builtin import photos, twins
from training.builtin.photos import LabelledPhoto


def test_no_source_gives_photos_for_both_training_and_testing(tmp_path):
    sources = ["pop-os/wallpapers", "someone/photos", "pop-os/wallpapers"]
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "source_repo"])
        writer.writerows([f"{i}.jpg", s] for i, s in enumerate(sources))
    held_out = photos.collected_photos(tmp_path, held_out=True)
    trained = photos.collected_photos(tmp_path, held_out=False)
    assert [path[-5:] for path in held_out] == ["0.jpg", "2.jpg"]
    assert [path[-5:] for path in trained] == ["1.jpg"]


def test_a_file_whose_name_differs_in_case_is_found(tmp_path):
    (tmp_path / "Images").mkdir()
    (tmp_path / "Images" / "ss02 (1014).JPG").touch()
    labels = tmp_path / "Train (Images and MOS).csv"
    labels.write_text("Image Name,MOS,,\nss02 (1014).jpg,0.25,,\n")
    (photo,) = photos.labelled_photos(tmp_path, "Train")
    assert photo.path.endswith("ss02 (1014).JPG")
    assert photo.opinion == 0.25


@pytest.mark.parametrize(
    ("name", "opinion", "expected"),
    [
        ("ss03 (1).jpg", 0.8, True),
        ("ss03 (1).jpg", 0.2, False),
        ("ss02 (1).jpg", 0.8, False),
    ],
)
def test_only_published_photos_that_people_like_pass_as_undistorted(
    name, opinion, expected
):
    photo = LabelledPhoto(path=f"x/{name}", opinion=opinion)
    assert photos.may_be_undistorted(photo) is expected


def test_the_sharpest_third_is_kept_without_the_very_top():
    paths = [str(i) for i in range(101)]
    kept = photos.sharpest(paths, [float(i) for i in range(100)] + [None])
    assert kept[0] == "65"
    assert kept[-1] == "97"


def test_a_copy_is_a_twin_and_another_photo_is_not(tmp_path):
    photo = photo_like(128, 128)
    other = photo_like(128, 128, seed=9)
    Image.fromarray(photo).save(tmp_path / "a.png")
    Image.fromarray(photo).save(tmp_path / "b.jpg", quality=40)
    Image.fromarray(other).save(tmp_path / "c.png")
    a, b, c = (twins.thumbnail(str(tmp_path / n)) for n in ("a.png", "b.jpg", "c.png"))
    assert twins.has_twin(np.stack([a, c]), np.stack([b])).tolist() == [True, False]
