"""Test images that have a near-identical twin among the training images."""

import numpy as np
from PIL import Image

from training.builtin.photos import read_photo

_SIDE_PIXELS = 32
_LEAST_CORRELATION = 0.98


def thumbnail(path: str) -> np.ndarray:
    """Return a grey thumbnail of unit length and mean 0, float32 [32 * 32]."""
    image = Image.fromarray(read_photo(path)).convert("L")
    small = image.resize((_SIDE_PIXELS, _SIDE_PIXELS), Image.Resampling.BOX)
    values = np.asarray(small, np.float32).reshape(-1)
    values -= values.mean()
    return values / max(float(np.linalg.norm(values)), 1e-6)


def has_twin(thumbnails: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return, for each of some thumbnails, whether one of the others is its twin.

    Args:
      thumbnails: float32 [images, 32 * 32].
      others: float32 [other images, 32 * 32].

    Returns:
      bool [images]: a correlation of at least 0.98.
    """
    return (thumbnails @ others.T).max(axis=1) >= _LEAST_CORRELATION
