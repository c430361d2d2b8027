"""PDQ, a perceptual hash of 256 bits: copies of a photo differ in few of them.

Both filters of PDQ are linear and act on one axis at a time, and only 64 x 64 of their
values are used. So a photo is multiplied by the 64 rows of each axis that matter, which
costs little and needs no filtered copy.
"""

import functools

import numpy as np
from jaxtyping import Float64, UInt8

_SIDE = 64  # samples along an axis after filtering
_BITS_A_SIDE = 16
_FEWEST_PIXELS = 5  # along an axis
_LUMA = np.array([0.299, 0.587, 0.114])
_NO_HASH = bytes(_BITS_A_SIDE**2 // 8)


def pdq_hash(pixels: UInt8[np.ndarray, "height width 3"]) -> tuple[bytes, int]:
    """Return the PDQ hash of a photo and its quality.

    Args:
      pixels: uint8 [height, width, 3], RGB.

    Returns:
      32 bytes, in the order in which PDQ's hexadecimal form writes them, and the
      quality 0..100: how much of the picture has edges. A hash of a quality below 50
      says little. Pictures with a side below 5 pixels have a hash of zeros and
      quality 0.

    Source: PDQ as in "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing
    Algorithm" (Facebook, 2019), without its optional reduction to 512 pixels.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < _FEWEST_PIXELS:
        return _NO_HASH, 0
    rows = _sampled_rows(pixels)
    luma = (rows.reshape(-1, 3) @ _LUMA).reshape(_SIDE, width)
    samples = luma @ sampling(width).T
    waves = _cosines()
    coefficients = (waves @ samples @ waves.T).ravel()
    # Of 256 coefficients the lower one of the two in the middle counts as the median.
    median = np.partition(coefficients, 127)[127]
    bits = coefficients > median
    return np.packbits(bits[::-1]).tobytes(), quality_of(samples)


def quality_of(samples: Float64[np.ndarray, "64 64"]) -> int:
    """Return PDQ's quality 0..100 of filtered luma: its gradients, each cut to whole %.

    Args:
      samples: float64 [64, 64] in 0..255.
    """
    total = sum(
        int(np.abs(np.trunc(np.diff(samples, axis=axis) * 100 / 255)).sum())
        for axis in (0, 1)
    )
    return min(total // 90, 100)


@functools.lru_cache(16)
def sampling(length: int) -> Float64[np.ndarray, "64 {length}"]:
    """Return the weight of each pixel along an axis in each of 64 samples.

    A sample is the middle of its 64th, after two box filters of a 128th of the axis,
    rounded up, each with narrower windows at the ends.

    Args:
      length: Pixels along the axis, at least 1.
    """
    window = (length + 2 * _SIDE - 1) // (2 * _SIDE)
    after = (window + 2) // 2  # pixels from a window's middle to its end
    places = np.arange(length)
    firsts = np.maximum(places - (window - after), 0)
    ends = np.minimum(places + after, length)
    middles = ((np.arange(_SIDE) + 0.5) * length / _SIDE).astype(int)
    weights = np.zeros((_SIDE, length))
    for sample, middle in enumerate(middles):
        outer = slice(firsts[middle], ends[middle])
        share = 1 / (outer.stop - outer.start)
        for place in places[outer]:
            count = ends[place] - firsts[place]
            weights[sample, firsts[place] : ends[place]] += share / count
    return weights


def _sampled_rows(
    pixels: UInt8[np.ndarray, "height width 3"],
) -> Float64[np.ndarray, "64 width_3"]:
    """Return the 64 filtered rows, float64 [64, width * 3], from a few rows each."""
    height, width = pixels.shape[:2]
    weights = sampling(height)
    rows = np.empty((_SIDE, width * 3))
    for sample, of_sample in enumerate(weights):
        [used] = np.nonzero(of_sample)
        window = slice(used[0], used[-1] + 1)
        block = pixels[window].reshape(-1, width * 3).astype(np.float64)
        rows[sample] = of_sample[window] @ block
    return rows


@functools.cache
def _cosines() -> Float64[np.ndarray, "16 64"]:
    """Return the waves 1 to 16 of a DCT of 64 samples; the constant one is left out."""
    waves = np.arange(1, _BITS_A_SIDE + 1)[:, None]
    samples = 2 * np.arange(_SIDE) + 1
    return np.sqrt(2 / _SIDE) * np.cos(np.pi / (2 * _SIDE) * waves * samples)
