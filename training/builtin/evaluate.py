"""What the built-in model can and cannot do, on photos that it never saw."""

import concurrent.futures
import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from musiq_core.config import PreprocessingConfig
from musiq_core.images.patches import Patches, extract_patches
from musiq_core.model_files.model_file import Model
from musiq_core.programs.packed.scorer import PackedScorer
from training.builtin.distortions import KINDS
from training.builtin.photos import LabelledPhoto, laplacian, read_photo
from training.evaluating.bootstrap import bootstrap_intervals
from training.evaluating.correlations import plcc, srcc

CHECKED_KINDS = ("gaussian_blur", "colour_noise", "rescale", "darken", "jpeg")
SEVERITIES = (0.0, 0.25, 0.5, 0.75, 1.0)
_DISTORT = {kind.name: kind.distort for kind in KINDS}

Measure = dict[str, float]


def evaluate_builtin(
    model: Model,
    held_out: list[str],
    opinions: list[LabelledPhoto],
    pool: concurrent.futures.Executor,
) -> dict[str, Any]:
    """Return the figures of the model's card.

    Args:
      model: The model.
      held_out: Photos of sources that gave no photo for training.
      opinions: Labelled photos that gave none either.
      pool: Makes the distorted versions and the patches.

    Returns:
      For own-shaped and square photos, SRCC of score against severity of each kind,
      within a photo (mean) and pooled over photos, and SRCC, its 95 per cent interval
      and PLCC against human opinions; each also for the variance of the Laplacian,
      whose simplicity makes it the statistic to beat.
    """
    score = functools.partial(_score_all, PackedScorer(model), pool)
    figures: dict[str, Any] = {"held_out_photos": len(held_out)}
    preprocessing = model.config.preprocessing
    for shape, square in (("own_shape", False), ("square", True)):
        for kind in CHECKED_KINDS:
            jobs = [(path, kind, square, preprocessing) for path in held_out]
            scores, sharpnesses = score(distorted_patches, jobs)
            figures[f"{shape}_{kind}"] = {
                "model": order_by_severity(scores),
                "laplacian_variance": order_by_severity(sharpnesses),
            }
    jobs = [(photo.path, preprocessing) for photo in opinions]
    scores, sharpnesses = score(photo_patches, jobs)
    labels = np.array([photo.opinion for photo in opinions])
    figures["human_opinions"] = {
        "photos": len(labels),
        "model": agreement(scores[:, 0], labels),
        "laplacian_variance": agreement(sharpnesses[:, 0], labels),
    }
    return figures


def order_by_severity(scores: np.ndarray) -> Measure:
    """Return how well scores fall with the severity.

    Args:
      scores: float [photos, severities], ascending severity.

    Returns:
      `within`: mean over photos of the SRCC with falling severity; `pooled`: the same
      over all photos at once.
    """
    falling = -np.arange(scores.shape[1])
    within = [srcc(row, falling) for row in scores]
    return {
        "within": float(np.mean(np.nan_to_num(within))),
        "pooled": srcc(scores.reshape(-1), np.tile(falling, len(scores))),
    }


def agreement(scores: np.ndarray, labels: np.ndarray) -> Measure:
    """Return SRCC with its 95 per cent interval and PLCC of scores and labels."""
    low, high = bootstrap_intervals(
        {"srcc": lambda drawn: srcc(scores[drawn], labels[drawn])},
        list(map(str, range(len(labels)))),
    )["srcc"]
    return {
        "srcc": srcc(scores, labels),
        "srcc_low": low,
        "srcc_high": high,
        "plcc": plcc(scores, labels),
    }


def distorted_patches(
    job: tuple[str, str, bool, PreprocessingConfig],
) -> list[tuple[Patches, float]]:
    """Return the patches of one photo at every severity, and how sharp each is."""
    path, kind, square, config = job
    photo = read_photo(path)
    if square:
        photo = _centre_square(photo)
    seed = list(Path(path).name.encode())
    versions = [
        _DISTORT[kind](photo, severity, np.random.default_rng(seed))
        for severity in SEVERITIES
    ]
    return [
        (extract_patches(version, config), _laplacian_variance(version))
        for version in versions
    ]


def photo_patches(
    job: tuple[str, PreprocessingConfig],
) -> list[tuple[Patches, float]]:
    """Return the patches of one photo as it is, and how sharp it is."""
    path, config = job
    photo = read_photo(path)
    return [(extract_patches(photo, config), _laplacian_variance(photo))]


def _score_all(
    scorer: PackedScorer,
    pool: concurrent.futures.Executor,
    make: Callable[[Any], list[tuple[Patches, float]]],
    jobs: list[Any],
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores and sharpnesses, float [jobs, versions]."""
    scores, sharpnesses = [], []
    for versions in _in_order(pool, make, jobs):
        scores.append([scorer.score([patches])[0].value for patches, _ in versions])
        sharpnesses.append([sharpness for _, sharpness in versions])
    return np.array(scores), np.array(sharpnesses)


def _in_order(pool, make, jobs: Iterable[Any], ahead: int = 8) -> Iterator[Any]:
    """Map jobs through the pool, only a few ahead: patches are large."""
    jobs = iter(jobs)
    running = []
    for job in jobs:
        running.append(pool.submit(make, job))
        if len(running) > ahead:
            yield running.pop(0).result()
    while running:
        yield running.pop(0).result()


def _centre_square(photo: np.ndarray) -> np.ndarray:
    side = min(photo.shape[:2])
    top, left = ((n - side) // 2 for n in photo.shape[:2])
    return np.ascontiguousarray(photo[top : top + side, left : left + side])


def _laplacian_variance(photo: np.ndarray) -> float:
    return float(laplacian(photo.mean(axis=2, dtype=np.float32)).var())
