"""The photos that the built-in model learns from, and those that it never sees."""

import csv
import dataclasses
from pathlib import Path

import numpy as np

from musiq_core.images.decode import decode_image

HELD_OUT_SOURCES = (
    "BuddiesOfBudgie/budgie-backgrounds",
    "CommunityToolkit/WindowsCommunityToolkit",
    "MohamedBakrAli/Kodak-Lossless-True-Color-Image-Suite",
    "pop-os/wallpapers",
)
_SHARPEST_SHARE = (0.65, 0.98)  # above it, what looks sharp is noise
_BRIGHTNESS = (55, 200)
_LEAST_CONTRAST = 30
_LEAST_OPINION = 0.5
_PHOTO_SUBSET = "ss03"  # the part of BIQ2021 that photographers published


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelledPhoto:
    """One photo with a human opinion.

    Attributes:
      path: Its file.
      opinion: Mean opinion score, 0..1, higher is better.
    """

    path: str
    opinion: float


def read_photo(path: str) -> np.ndarray:
    """Return a photo, upright RGB, uint8 [height, width, 3]."""
    return decode_image(Path(path).read_bytes()).pixels


def collected_photos(folder: Path, *, held_out: bool) -> list[str]:
    """Return the files of a collected folder with its `manifest.csv`.

    Args:
      folder: Holds `manifest.csv` (columns name and source_repo) and `train/`.
      held_out: Those of the sources held out, instead of all others.
    """
    with (folder / "manifest.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["name"])
    return [
        str(folder / "train" / row["name"])
        for row in rows
        if (row["source_repo"] in HELD_OUT_SOURCES) == held_out
    ]


def labelled_photos(folder: Path, split: str) -> list[LabelledPhoto]:
    """Return the photos of an official split of BIQ2021, in the order of their names.

    Args:
      folder: The release: two label files and `Images/`.
      split: `Train` or `Test`.
    """
    by_name = {path.name.lower(): str(path) for path in (folder / "Images").iterdir()}
    with (folder / f"{split} (Images and MOS).csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["Image Name"])
    return [
        LabelledPhoto(
            path=by_name[row["Image Name"].lower()], opinion=float(row["MOS"])
        )
        for row in rows
    ]


def may_be_undistorted(photo: LabelledPhoto) -> bool:
    """Whether a labelled photo is a published one that people did not find bad."""
    name = Path(photo.path).name
    return name.startswith(_PHOTO_SUBSET) and photo.opinion >= _LEAST_OPINION


def sharpness(path: str) -> float | None:
    """Return the 97th percentile of a photo's Laplacian; None if too dark or flat."""
    grey = read_photo(path).mean(axis=2, dtype=np.float32)
    low, high = _BRIGHTNESS
    if not low <= grey.mean() <= high or grey.std() <= _LEAST_CONTRAST:
        return None
    return float(np.percentile(np.abs(laplacian(grey)), 97))


def laplacian(grey: np.ndarray) -> np.ndarray:
    """Return the four-neighbour Laplacian of float [height, width], edges left out."""
    inner = grey[1:-1, 1:-1]
    return (
        grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    )


def sharpest(paths: list[str], sharpnesses: list[float | None]) -> list[str]:
    """Keep the sharpest third, without the few that are sharp because of noise."""
    known = [value for value in sharpnesses if value is not None]
    low, high = np.quantile(known, _SHARPEST_SHARE)
    return [
        path
        for path, value in zip(paths, sharpnesses, strict=True)
        if value is not None and low <= value <= high
    ]
