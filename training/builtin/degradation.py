"""How strong a degradation is, and the target that it gives a photo.

The target of a kind at a severity is an average over photos, so that the same severity
has the same target on each of them: that is what ranking different photos asks for.
"""

import numpy as np
import scipy.ndimage

from training.builtin.distortions import KINDS

SEVERITIES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_GRADIENT_CONSTANT = 170.0
_CONTRAST_CONSTANT = (0.03 * 255) ** 2
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_WORST = 1.3
_POWER = 0.6

Curves = dict[str, tuple[float, ...]]


def degradation(reference: np.ndarray, degraded: np.ndarray) -> float:
    """Return how far an image lies from its reference: 0 is equal, about 1 ruined.

    Deviations of gradient similarity (as in GMSD) and of SSIM's contrast-structure term
    at half and quarter size, and differences of colour and brightness.

    Args:
      reference: uint8 [height, width, 3].
      degraded: uint8 of the same shape.
    """
    before, after = reference @ _LUMA, degraded @ _LUMA
    colour = (reference - before[..., None])[..., ::2]
    colour_after = (degraded - after[..., None])[..., ::2]
    total = np.abs(_shrink(colour - colour_after, 8)).mean() / 60
    total += abs(before.mean() - after.mean()) / 250
    for factor, gradient_weight, contrast_weight in ((2, 0.6, 0.25), (4, 0.4, 0.175)):
        small, small_after = _shrink(before, factor), _shrink(after, factor)
        similarity = _gradient_similarity(small, small_after)
        total += gradient_weight * similarity.std() / 0.52
        contrast_scale = 0.45 if factor == 2 else 0.25
        loss = 1 - _contrast_structure(small, small_after).mean()
        total += contrast_weight * loss / contrast_scale
    return float(total)


def measure_curves(photos: list[np.ndarray], seed: int) -> Curves:
    """Return the strength of every kind at `SEVERITIES`, averaged over photos.

    Args:
      photos: uint8 [height, width, 3] each, undistorted.
      seed: Of the random choices that some kinds make.

    Returns:
      Strengths by kind, visibility included, not falling with the severity.
    """
    curves = {}
    for kind_number, kind in enumerate(KINDS):
        strengths = []
        for level, severity in enumerate(SEVERITIES):
            total = 0.0
            for number, photo in enumerate(photos):
                rng = np.random.default_rng([seed, kind_number, level, number])
                total += degradation(photo, kind.distort(photo, severity, rng))
            strengths.append(kind.visibility * total / len(photos))
        curves[kind.name] = tuple(np.maximum.accumulate(strengths).tolist())
    return curves


def strength(curves: Curves, kind: str, severity: float) -> float:
    """Return the strength of a kind at a severity in 0..1, interpolated."""
    return float(np.interp(severity, SEVERITIES, curves[kind]))


def target_quality(total_strength: float) -> float:
    """Return the quality that a total strength leaves: 1 untouched, -0.17 worst."""
    return 1 - min(total_strength, _WORST) ** _POWER


def _shrink(values: np.ndarray, factor: int) -> np.ndarray:
    """Average over squares of `factor` pixels, leaving out what does not fill one."""
    height, width = (n // factor for n in values.shape[:2])
    cut = values[: height * factor, : width * factor]
    shape = (height, factor, width, factor, *values.shape[2:])
    return cut.reshape(shape).mean(axis=(1, 3))


def _gradient_similarity(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    a, b = _gradient(one), _gradient(other)
    return (2 * a * b + _GRADIENT_CONSTANT) / (a * a + b * b + _GRADIENT_CONSTANT)


def _gradient(grey: np.ndarray) -> np.ndarray:
    return np.hypot(*(scipy.ndimage.prewitt(grey, axis) / 3 for axis in (0, 1)))


def _contrast_structure(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    def smooth(values: np.ndarray) -> np.ndarray:
        return scipy.ndimage.gaussian_filter(values, 1.5, truncate=3.5)

    mean_one, mean_other = smooth(one), smooth(other)
    variances = smooth(one * one) - mean_one**2 + smooth(other * other) - mean_other**2
    covariance = smooth(one * other) - mean_one * mean_other
    return (2 * covariance + _CONTRAST_CONSTANT) / (variances + _CONTRAST_CONSTANT)
