"""Groups of four versions of one photo, graded by one or two kinds of degradation."""

import dataclasses

import numpy as np

from musiq_core.config import PreprocessingConfig
from musiq_core.images.patches import extract_patches
from training.builtin.degradation import Curves, strength, target_quality
from training.builtin.distortions import KINDS, Kind, save_as_jpeg

GROUP_SIZE = 4
_CROP_SIDES_PIXELS = (288, 640)
_GRID_PIXELS = 32
_CROPPED_SHARE = 0.5
_GRADED_SHARE = 0.7
_SECOND_KIND_SHARE = 0.25
_SECOND_KIND_SEVERITY = 0.7
_SAVED_AGAIN_SHARE = 0.25
_SAVED_AGAIN_QUALITIES = (88, 96)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class StoredPatches:
    """Patches of one training image, in bytes, of which a step takes a few.

    Attributes:
      resized: uint8 [resized tokens, patch * patch * 3], all of them.
      resized_positions: int32 [resized tokens].
      native: uint8 [native tokens, patch * patch * 3], a random choice.
      native_positions: int32 [native tokens].
      target: What the model should say.
      kinds: float32 [kinds], 1 for every kind of degradation in it.
    """

    resized: np.ndarray
    resized_positions: np.ndarray
    native: np.ndarray
    native_positions: np.ndarray
    target: float
    kinds: np.ndarray


def store_patches(
    pixels: np.ndarray,
    config: PreprocessingConfig,
    *,
    native_count: int,
    target: float,
    kinds: list[Kind],
    rng: np.random.Generator,
) -> StoredPatches:
    """Cut an image and keep its resized tokens and a random choice of native ones.

    Args:
      pixels: uint8 [height, width, 3].
      config: The model's preprocessing, with one resized scale.
      native_count: Native tokens to keep, at most.
      target: What the model should say.
      kinds: The degradations in the image.
      rng: Chooses the tokens.
    """
    patches = extract_patches(pixels, config)
    resized_count = len(patches.resized)
    available = len(patches.native)
    chosen = np.sort(rng.permutation(available)[:native_count])
    # Padding of native patches is mid grey in bytes, which is what 0 stands for.
    native = patches.normalized(resized_count)[chosen]
    return StoredPatches(
        resized=_as_bytes(patches.resized),
        resized_positions=patches.positions[:resized_count],
        native=_as_bytes(native),
        native_positions=patches.positions[resized_count:][chosen],
        target=target,
        kinds=np.isin([k.name for k in KINDS], [k.name for k in kinds]).astype("f4"),
    )


def make_group(
    photo: np.ndarray,
    curves: Curves,
    config: PreprocessingConfig,
    *,
    native_count: int,
    kind_weights: np.ndarray,
    rng: np.random.Generator,
) -> list[StoredPatches]:
    """Return four versions of one photo with the quality that each should have.

    Args:
      photo: uint8 [height, width, 3], undistorted.
      curves: Strength of every kind by severity.
      config: The model's preprocessing.
      native_count: Native tokens to keep of each version, at most.
      kind_weights: float [kinds], how often each kind is drawn.
      rng: Decides everything that is random.
    """
    pixels = _crop(photo, rng)
    if rng.random() < 0.5:
        pixels = np.ascontiguousarray(pixels[:, ::-1])
    shares = kind_weights / kind_weights.sum()
    first, second = rng.choice(len(KINDS), 2, replace=False, p=shares)
    kind = KINDS[first]
    other = KINDS[second] if rng.random() < _SECOND_KIND_SHARE else None
    group = []
    for severity in _severities(rng):
        version, total, kinds = pixels, 0.0, []
        if severity is not None:
            version = kind.distort(version, severity, rng)
            total += strength(curves, kind.name, severity)
            kinds.append(kind)
            if other is not None:
                extra = rng.uniform(0, _SECOND_KIND_SEVERITY)
                version = other.distort(version, extra, rng)
                total += strength(curves, other.name, extra)
                kinds.append(other)
            if rng.random() < _SAVED_AGAIN_SHARE:
                low, high = _SAVED_AGAIN_QUALITIES
                version = save_as_jpeg(version, int(rng.integers(low, high + 1)))
        group.append(
            store_patches(
                version,
                config,
                native_count=native_count,
                target=target_quality(total),
                kinds=kinds,
                rng=rng,
            )
        )
    return group


def _severities(rng: np.random.Generator) -> list[float | None]:
    """Four severities, None for the untouched photo."""
    if rng.random() < _GRADED_SHARE:
        start = rng.uniform(0, 0.34)
        return [None, start, start + 0.33, start + 0.66]
    return rng.uniform(0, 1, GROUP_SIZE).tolist()


def _crop(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the photo or a part of it.

    Half of the crops have sides that are multiples of a patch, so that the grid of JPEG
    blocks lies still within the patches, as it does in most photos.
    """
    if rng.random() >= _CROPPED_SHARE:
        return photo
    low, high = _CROP_SIDES_PIXELS
    height, width = (
        int(rng.integers(min(low, n), min(high, n) + 1)) for n in photo.shape[:2]
    )
    if rng.random() < 0.5:
        height, width = (
            max(n // _GRID_PIXELS, 1) * _GRID_PIXELS for n in (height, width)
        )
    height, width = min(height, photo.shape[0]), min(width, photo.shape[1])
    top = int(rng.integers(photo.shape[0] - height + 1))
    left = int(rng.integers(photo.shape[1] - width + 1))
    return np.ascontiguousarray(photo[top : top + height, left : left + width])


def _as_bytes(normalized: np.ndarray) -> np.ndarray:
    """Map -1..1 to bytes; resized values lie within, rounding is harmless noise."""
    return np.clip(np.rint((normalized + 1) * 127.5), 0, 255).astype(np.uint8)
