"""Real photos out of an installed package, and degraded versions of them.

scikit-image carries photos as files; none of its code is imported or needed.
"""

import importlib.metadata
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

PACKAGE = "scikit-image"
PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")


def blurred(photo: Image.Image) -> Image.Image:
    """Return the photo out of focus."""
    return photo.filter(ImageFilter.GaussianBlur(3))


def noisy(photo: Image.Image) -> Image.Image:
    """Return the photo with the noise of a dark room."""
    pixels = np.asarray(photo, np.float32)
    noise = np.random.default_rng(0).normal(0, 30, pixels.shape)
    return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))


def dark(photo: Image.Image) -> Image.Image:
    """Return the photo with a quarter of the light."""
    return photo.point(lambda value: value * 0.25)


def squeezed(photo: Image.Image) -> Image.Image:
    """Return what a JPEG of quality 6 keeps of the photo."""
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=6)
    return Image.open(file).convert("RGB")


DEGRADED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "blurred": blurred,
    "noisy": noisy,
    "dark": dark,
    "jpeg6": squeezed,
}


def make_samples(folder: Path) -> list[Path]:
    """Write every photo as it is and in each degraded version.

    Args:
      folder: Created if need be; files of the same names are replaced.

    Returns:
      The files, PNG.

    Raises:
      importlib.metadata.PackageNotFoundError: If scikit-image is not installed.
    """
    package = importlib.metadata.distribution(PACKAGE)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in PHOTOS:
        with Image.open(str(package.locate_file(f"skimage/data/{name}"))) as picture:
            photo = picture.convert("RGB")
        versions = {"original": photo}
        versions |= {label: degrade(photo) for label, degrade in DEGRADED.items()}
        for label, version in versions.items():
            path = folder / f"{Path(name).stem}_{label}.png"
            version.save(path)
            written.append(path)
    return written
