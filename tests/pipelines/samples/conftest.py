"""Photos in a package, as `make score` installs one."""

import pytest
from helpers.make_images import photo_like
from PIL import Image

from pipelines.samples.make_samples import PHOTOS


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
