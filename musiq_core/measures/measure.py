"""All measures of one photo, on the pixels that are scored; no JAX."""

import dataclasses

import numpy as np
from jaxtyping import UInt8

from musiq_core.measures.colorfulness import measure_colorfulness
from musiq_core.measures.grey import shrink_grey, to_grey
from musiq_core.measures.noise import measure_noise
from musiq_core.measures.pdq import pdq_hash
from musiq_core.measures.sharpness import measure_sharpness
from musiq_core.measures.tones import measure_tones
from schemas.measures import Measures


def measure_photo(pixels: UInt8[np.ndarray, "height width 3"]) -> Measures:
    """Measure a photo; beside the pixels it takes about one byte more for each.

    Args:
      pixels: uint8 [height, width, 3], RGB, upright.
    """
    grey = to_grey(pixels)
    sharpness, sharpness_tile = measure_sharpness(shrink_grey(grey))
    hash_of_photo, quality = pdq_hash(pixels)
    return Measures(
        sharpness=sharpness,
        sharpness_tile=sharpness_tile,
        colorfulness=measure_colorfulness(pixels),
        noise=measure_noise(grey),
        pdq_hash=hash_of_photo,
        pdq_quality=quality,
        **dataclasses.asdict(measure_tones(grey)),
    )
