import subprocess
import sys

import numpy as np
import pytest
from helpers.make_images import photo_like
from PIL import Image

from pipelines.samples import make_samples
from pipelines.samples.make_samples import DEGRADED, PHOTOS


@pytest.fixture
def installed_photos(tmp_path, monkeypatch):
    """A package with photos; scikit-image itself is installed by `make score`."""
    data = tmp_path / "site" / "skimage" / "data"
    data.mkdir(parents=True)
    for number, name in enumerate(PHOTOS):
        Image.fromarray(photo_like(64, 80, seed=number)).save(data / name)
    info = tmp_path / "site" / "scikit_image-0.26.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: scikit-image\nVersion: 0.26.0\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))


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


def test_a_missing_package_is_one_line():
    code = "import sys; sys.argv = ['x', '/nowhere']\n"
    code += "from pipelines.samples import make_samples as m\n"
    code += "m.PACKAGE = 'no-such-package'\nsys.exit(m.main())"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "the sample photos come inside no-such-package, which is not installed; "
        "`make score` installs it"
    ]
