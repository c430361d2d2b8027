"""Training batches of graded and labelled photos, made while the model trains.

Images are made by a pool of processes, a window of steps ahead, and used a few times,
each time with other tokens. Everything follows from the seed and the step, so a run
that resumes needs no state.
"""

import concurrent.futures
import dataclasses
import functools
from collections.abc import Callable, Iterator

import numpy as np

from musiq_core.config import PreprocessingConfig
from training.builtin.degradation import Curves
from training.builtin.distortions import KINDS
from training.builtin.graded_groups import (
    StoredPatches,
    make_group,
    store_patches,
)
from training.builtin.photo_sets import PhotoSets
from training.builtin.photos import LabelledPhoto, read_photo

_WINDOW_STEPS = 400
_COLLECTED_SHARE = 0.5

Batch = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchConfig:
    """What one training batch holds.

    Attributes:
      preprocessing: The model's preprocessing, with one resized scale.
      graded_groups: Groups of four graded versions of a photo.
      labelled_images: Photos with a human opinion.
      resized_tokens: Tokens taken of the resized copy of each image.
      native_tokens: Tokens taken of each image at its native size.
      uses: How often an image is used, each time with other tokens.
      seed: Decides everything that is random.
      favours: Names of kinds of degradation that are drawn more often, and how many
        times as often.
    """

    preprocessing: PreprocessingConfig
    graded_groups: int
    labelled_images: int
    resized_tokens: int
    native_tokens: int
    uses: int
    seed: int
    favours: tuple[tuple[str, float], ...] = ()

    def __post_init__(self):
        if _WINDOW_STEPS % self.uses:
            raise ValueError(f"uses must divide {_WINDOW_STEPS}, got {self.uses}")
        unknown = set(dict(self.favours)) - {kind.name for kind in KINDS}
        if unknown:
            raise ValueError(f"no kinds of degradation: {sorted(unknown)}")

    @property
    def kind_weights(self) -> np.ndarray:
        """How often each kind is drawn, relative to the others: float [kinds]."""
        favours = dict(self.favours)
        return np.array([kind.weight * favours.get(kind.name, 1) for kind in KINDS])

    @property
    def stored_native_tokens(self) -> int:
        """Native tokens kept of each image, for its uses to choose from."""
        return 3 * self.native_tokens


Job = Callable[[], list[StoredPatches]]


def graded_group(photos: PhotoSets, config: BatchConfig, number: int) -> Job:
    """Return what makes group `number`: four versions of a photo, always the same.

    The photo is chosen here: the job takes its path to another process, not all paths.
    """
    rng = np.random.default_rng([config.seed, 0, number])
    collected = rng.random() < _COLLECTED_SHARE
    paths = photos.collected if collected else photos.undistorted
    path = paths[rng.integers(len(paths))]
    return functools.partial(_make_group, path, photos.curves, config, rng)


def labelled_image(photos: PhotoSets, config: BatchConfig, number: int) -> Job:
    """Return what makes labelled image `number` of an endless shuffled sequence."""
    epoch, place = divmod(number, len(photos.labelled))
    order = np.random.default_rng([config.seed, 1, epoch])
    photo = photos.labelled[order.permutation(len(photos.labelled))[place]]
    rng = np.random.default_rng([config.seed, 2, number])
    return functools.partial(_make_labelled, photo, config, rng)


def training_batches(
    photos: PhotoSets,
    config: BatchConfig,
    pool: concurrent.futures.Executor,
    start_step: int,
) -> Iterator[Batch]:
    """Yield the batches from `start_step` on, without end.

    Args:
      photos: Where the images come from.
      config: What a batch holds.
      pool: Makes the images.
      start_step: Steps that were done before.

    Yields:
      Beside the model's arrays: `labels` float32 [B, 1], `kinds` float32 [B, kinds] and
      `is_graded` bool [B].
    """
    first, offset = divmod(start_step, _WINDOW_STEPS)
    window = _start_window(photos, config, pool, first)
    while True:
        coming = _start_window(photos, config, pool, first + 1)
        groups, labelled = ([image.result() for image in part] for part in window)
        rng = np.random.default_rng([config.seed, 3, first])
        group_order = _order(len(groups), config.uses, rng)
        labelled_order = _order(len(labelled), config.uses, rng)
        for step in range(offset, _WINDOW_STEPS):
            graded = [
                image
                for place in _slice(group_order, step, config.graded_groups)
                for image in groups[place]
            ]
            opinions = [
                image
                for place in _slice(labelled_order, step, config.labelled_images)
                for image in labelled[place]
            ]
            step_rng = np.random.default_rng(
                [config.seed, 4, first * _WINDOW_STEPS + step]
            )
            yield make_batch(graded, opinions, config, step_rng)
        window, first, offset = coming, first + 1, 0


def make_batch(
    graded: list[StoredPatches],
    labelled: list[StoredPatches],
    config: BatchConfig,
    rng: np.random.Generator,
) -> Batch:
    """Take some tokens of every image; those of small images are padded."""
    images = [*graded, *labelled]
    tokens = config.resized_tokens + config.native_tokens
    patch = config.preprocessing.patch_size
    stored = np.zeros((len(images), tokens, patch * patch * 3), np.uint8)
    positions = np.zeros((len(images), tokens), np.int32)
    scale_ids = np.zeros((len(images), tokens), np.int32)
    scale_ids[:, config.resized_tokens :] = 1
    mask = np.zeros((len(images), tokens), bool)
    for row, image in enumerate(images):
        for start, count, pixels, places in (
            (0, config.resized_tokens, image.resized, image.resized_positions),
            (
                config.resized_tokens,
                config.native_tokens,
                image.native,
                image.native_positions,
            ),
        ):
            chosen = rng.permutation(len(pixels))[:count]
            at = slice(start, start + len(chosen))
            stored[row, at], positions[row, at] = pixels[chosen], places[chosen]
            mask[row, at] = True
    pixels = stored * np.float32(1 / 127.5)
    pixels -= 1
    return {
        "pixels": pixels,
        "positions": positions,
        "scale_ids": scale_ids,
        "mask": mask,
        "labels": np.array([[image.target] for image in images], np.float32),
        "kinds": np.stack([image.kinds for image in images]),
        "is_graded": np.arange(len(images)) < len(graded),
    }


def kind_count() -> int:
    """Return how many kinds of degradation there are."""
    return len(KINDS)


def _start_window(
    photos: PhotoSets,
    config: BatchConfig,
    pool: concurrent.futures.Executor,
    window: int,
) -> tuple[list[concurrent.futures.Future[list[StoredPatches]]], ...]:
    """Ask for all images of a window; returns futures of groups and labelled images."""
    return tuple(
        [
            pool.submit(job_of(photos, config, number))
            for number in range(window * count, (window + 1) * count)
        ]
        for job_of, count in (
            (graded_group, config.graded_groups * _WINDOW_STEPS // config.uses),
            (labelled_image, config.labelled_images * _WINDOW_STEPS // config.uses),
        )
    )


def _order(count: int, uses: int, rng: np.random.Generator) -> np.ndarray:
    passes = [rng.permutation(count) for _ in range(uses)]
    return np.concatenate(passes) if count else np.empty(0, int)


def _slice(order: np.ndarray, step: int, count: int) -> np.ndarray:
    return order[step * count : (step + 1) * count]


def _make_group(
    path: str, curves: Curves, config: BatchConfig, rng: np.random.Generator
) -> list[StoredPatches]:
    return make_group(
        read_photo(path),
        curves,
        config.preprocessing,
        native_count=config.stored_native_tokens,
        kind_weights=config.kind_weights,
        rng=rng,
    )


def _make_labelled(
    photo: LabelledPhoto, config: BatchConfig, rng: np.random.Generator
) -> list[StoredPatches]:
    pixels = read_photo(photo.path)
    if rng.random() < 0.5:
        pixels = np.ascontiguousarray(pixels[:, ::-1])
    image = store_patches(
        pixels,
        config.preprocessing,
        native_count=config.stored_native_tokens,
        target=photo.opinion,
        kinds=[],
        rng=rng,
    )
    return [image]
