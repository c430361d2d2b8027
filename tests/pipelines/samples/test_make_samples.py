import numpy as np
import pytest
from PIL import Image

from pipelines.samples import make_samples
from pipelines.samples.make_samples import DEGRADED, PHOTOS


@pytest.mark.usefixtures("installed_photos")
def test_every_photo_comes_as_it_is_and_in_each_degraded_version(tmp_path):
    written = make_samples.make_samples(tmp_path / "samples")
    assert len(written) == len(PHOTOS) * (1 + len(DEGRADED))
    original = np.asarray(Image.open(tmp_path / "samples" / "coffee_original.png"))
    for label in DEGRADED:
        version = np.asarray(Image.open(tmp_path / "samples" / f"coffee_{label}.png"))
        assert version.shape == original.shape
        assert not np.array_equal(version, original)


@pytest.mark.usefixtures("installed_photos")
def test_the_samples_are_always_the_same(tmp_path):
    for folder in ("one", "two"):
        make_samples.make_samples(tmp_path / folder)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
