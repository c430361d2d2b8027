"""The built-in model's file: its parameters, figures and what must be said of it."""

import concurrent.futures
from pathlib import Path
from typing import Any

import numpy as np

from musiq_core.model_files.model_file import read_model_file, write_model_file
from musiq_core.network.model import parameter_shapes
from musiq_core.programs.self_test import reference_scores
from training.builtin.distortions import KINDS
from training.builtin.evaluate import evaluate_builtin
from training.builtin.graded_model import CONFIG
from training.builtin.photo_sets import PhotoSets
from training.builtin.photos import LabelledPhoto, collected_photos, labelled_photos
from training.builtin.twins import has_twin, thumbnail

_TRAINING_DATA = """\
First degraded versions ({kinds} kinds: blur, noise, compression, rescaling, exposure,
contrast, colour, and pairs of them) of {collected:,} collected photos and of
{undistorted:,} sharp, well-liked ones from BIQ2021's official Train split; then the
human scores of that split ({labelled:,} photos), with degraded photos mixed in. Nothing
of its Test split was used. Good for ordering photos by blur, noise, rescaling, exposure
and compression, and roughly by what people think of their technical quality. Not good
for aesthetics, for telling fine differences between good photos, or for drawings,
screenshots and text; a published MUSIQ checkpoint is the better judge"""
_LICENCE = (
    "Parameters: Apache-2.0, like the program. Training photos are not part of the "
    "file; most are public domain, CC0, CC BY or MIT. BIQ2021 has no licence text: its "
    "authors call it freely available for use and benchmarking"
)


def make_builtin_model(
    parameters: dict[str, np.ndarray],
    photos: PhotoSets,
    collected: Path,
    labelled: Path,
    pool: concurrent.futures.Executor,
) -> bytes:
    """Evaluate trained parameters and return the file of the built-in model.

    Args:
      parameters: By full name; the helping heads among them are dropped.
      photos: What it learnt from.
      collected: Photos of any shape, with `manifest.csv`.
      labelled: The release of BIQ2021.
      pool: Makes distorted versions and patches.
    """
    kept = {name: parameters[name] for name in parameter_shapes(CONFIG)}
    training_data = _TRAINING_DATA.replace("\n", " ").format(
        kinds=len(KINDS),
        collected=len(photos.collected),
        undistorted=len(photos.undistorted),
        labelled=len(photos.labelled),
    )
    untested = _file(kept, training_data, evaluation={}, self_test={})
    figures = evaluate_builtin(
        read_model_file(untested),
        collected_photos(collected, held_out=True),
        photos_without_twins(labelled, pool),
        pool,
    )
    self_test = reference_scores(kept, CONFIG)
    return _file(kept, training_data, evaluation=figures, self_test=self_test)


def photos_without_twins(
    labelled: Path, pool: concurrent.futures.Executor
) -> list[LabelledPhoto]:
    """Return the official Test photos that resemble no photo of Train."""
    train, test = (labelled_photos(labelled, split) for split in ("Train", "Test"))
    thumbnails = [
        np.stack(list(pool.map(thumbnail, [p.path for p in photos], chunksize=50)))
        for photos in (test, train)
    ]
    return [
        photo
        for photo, is_twin in zip(test, has_twin(*thumbnails), strict=True)
        if not is_twin
    ]


def _file(
    parameters: dict[str, np.ndarray], training_data: str, **card_fields: Any
) -> bytes:
    return write_model_file(
        parameters,
        CONFIG,
        name="builtin",
        score_range=(0, 1),
        higher_is_better=True,
        training_data=training_data,
        licence=_LICENCE,
        source="musiq-train builtin",
        **card_fields,
    )
