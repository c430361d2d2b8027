"""Random changes to training images, each decided by its seed alone."""

import math
from typing import Any

from training.examples.quiet_tensorflow import tf

# Width against height of a crop, relative to the image: as Inception's crops.
_MOST_STRETCH = 4 / 3

Seed = tf.Tensor


def seed_for(seed: Seed, purpose: int) -> Seed:
    """Return a seed, int64 [2], that is independent for every purpose."""
    folded: Any = tf.random.fold_in(seed, purpose)
    return folded


def random_flip(pixels: tf.Tensor, seed: Seed) -> tf.Tensor:
    """Mirror half of the images, left to right."""
    mirrored = tf.random.stateless_uniform([], seed) < 0.5
    return tf.cond(mirrored, lambda: pixels[:, ::-1], lambda: pixels)


def random_crops(
    images: list[tf.Tensor],
    seeds: list[Seed],
    size_seed: Seed,
    *,
    min_area: float,
    patch_size: int,
    max_patches: int | None,
) -> list[tf.Tensor]:
    """Cut a rectangle of one size out of each image, at a random place in each.

    The size is drawn for the largest rectangle that fits into all images: its share of
    the area from `min_area`..1, and its stretch against the shape of that rectangle
    from 3/4..4/3, both limited by its sides.

    Args:
      images: [height, width, 3] each.
      seeds: Decide where, one an image.
      size_seed: Decides the size.
      min_area: Smallest share of the area.
      patch_size: Side of a patch in pixels.
      max_patches: A crop that would have more patches is shrunk to whole patches, no
        more than these; None for no limit.
    """
    sizes = tf.stack([tf.shape(image)[:2] for image in images])
    size = _crop_size(tf.reduce_min(sizes, axis=0), size_seed, min_area)
    if max_patches is not None:
        size = _limit_patches(size, patch_size, max_patches)
    crops = []
    for number, (image, seed) in enumerate(zip(images, seeds, strict=True)):
        room = tf.cast(sizes[number] - size + 1, tf.float32)
        offset = tf.cast(tf.random.stateless_uniform([2], seed) * room, tf.int32)
        offset = tf.minimum(offset, sizes[number] - size)
        end = offset + size
        crops.append(image[offset[0] : end[0], offset[1] : end[1]])
    return crops


def mixup_share(seed: Seed, alpha: float) -> tf.Tensor:
    """Return how much of an image a pair's mixture keeps, at least half.

    It is drawn from Beta(alpha, alpha); below half, the images change places.
    """
    gammas = tf.random.stateless_gamma([2], seed, tf.constant(alpha))
    share = tf.math.divide_no_nan(gammas[0], gammas[0] + gammas[1])
    return tf.maximum(share, 1 - share)


def mix(first: tf.Tensor, second: tf.Tensor, share: tf.Tensor) -> list[tf.Tensor]:
    """Return both mixtures of two arrays of one shape, float32: each keeps `share`."""
    first, second = tf.cast(first, tf.float32), tf.cast(second, tf.float32)
    return [
        first * share + second * (1 - share),
        second * share + first * (1 - share),
    ]


def _crop_size(box: tf.Tensor, seed: Seed, min_area: float) -> tf.Tensor:
    """Return (height, width) of a crop of a box, int32 [2]."""
    most = math.log(_MOST_STRETCH)
    uniform = tf.random.stateless_uniform([2], seed)
    area = min_area + (1 - min_area) * uniform[0]
    stretch = tf.exp(most * (2 * uniform[1] - 1))
    shares = tf.sqrt(area * tf.stack([1 / stretch, stretch]))
    size = tf.math.ceil(shares * tf.cast(box, tf.float32))
    return tf.clip_by_value(tf.cast(size, tf.int32), 1, box)


def _limit_patches(size: tf.Tensor, patch_size: int, most: int) -> tf.Tensor:
    """Return the size, or a smaller one of much the same shape with few patches."""
    sides = tf.cast(size, tf.float32) / patch_size
    factor = tf.sqrt(most / tf.reduce_prod(sides))
    fitting = tf.maximum(tf.cast(sides * factor, tf.int32), 1)
    fitting = tf.minimum(fitting, tf.maximum(most // fitting[::-1], 1))
    patches = -(-size // patch_size)
    fits = tf.reduce_prod(patches) <= most
    return tf.where(fits, size, tf.minimum(fitting * patch_size, size))
