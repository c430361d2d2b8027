"""Which photos the built-in model learns from, chosen once and written down."""

import concurrent.futures
import dataclasses
import json
from pathlib import Path

from schemas.errors import UsageError
from training.builtin.degradation import measure_curves
from training.builtin.photos import (
    LabelledPhoto,
    collected_photos,
    labelled_photos,
    may_be_undistorted,
    read_photo,
    sharpest,
    sharpness,
)

_FILE_NAME = "photos.json"
_CURVE_PHOTOS = 16
_CURVE_SEED = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class PhotoSets:
    """Where the training images come from.

    Attributes:
      collected: Files of undistorted photos of any shape.
      undistorted: Files of undistorted photos from the labelled set.
      labelled: Photos with human opinions.
      curves: Strength of every kind of degradation by severity.
    """

    collected: tuple[str, ...]
    undistorted: tuple[str, ...]
    labelled: tuple[LabelledPhoto, ...]
    curves: dict[str, tuple[float, ...]]


def choose_photos(
    collected_folder: Path,
    labelled_folder: Path,
    output: Path,
    pool: concurrent.futures.Executor,
) -> PhotoSets:
    """Choose the photos and measure the kinds of degradation on some of them.

    Args:
      collected_folder: Photos of any shape, with `manifest.csv`.
      labelled_folder: The release of BIQ2021.
      output: Gets the choice, which a later call with the same folder takes over.
      pool: Looks at the photos.

    Raises:
      UsageError: If a folder does not hold what it should.
    """
    try:
        collected = collected_photos(collected_folder, held_out=False)
        labelled = labelled_photos(labelled_folder, "Train")
    except (OSError, KeyError, ValueError) as error:
        raise UsageError(
            f"--photos {collected_folder} must hold manifest.csv and train/, and "
            f"--labelled {labelled_folder} the release of BIQ2021, with Images/ and "
            f"its two label files: {type(error).__name__}: {error}"
        ) from error
    output.mkdir(parents=True, exist_ok=True)
    record = output / _FILE_NAME
    if not record.exists():
        candidates = [p.path for p in labelled if may_be_undistorted(p)]
        sharpnesses = list(pool.map(sharpness, candidates, chunksize=50))
        undistorted = sharpest(candidates, sharpnesses)
        half = _CURVE_PHOTOS // 2
        examples = [*_spread(collected, half), *_spread(undistorted, half)]
        curves = measure_curves([read_photo(p) for p in examples], _CURVE_SEED)
        names = [Path(path).name for path in undistorted]
        record.write_text(json.dumps({"undistorted": names, "curves": curves}))
    chosen = json.loads(record.read_text())
    images = labelled_folder / "Images"
    return PhotoSets(
        collected=tuple(collected),
        undistorted=tuple(str(images / name) for name in chosen["undistorted"]),
        labelled=tuple(labelled),
        curves={kind: tuple(curve) for kind, curve in chosen["curves"].items()},
    )


def _spread(paths: list[str], count: int) -> list[str]:
    """Return `count` of the paths, evenly spread."""
    return paths[:: len(paths) // count][:count]
