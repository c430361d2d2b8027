"""RandAugment on uint8 images of any size, decided by a seed alone.

The operations and their strengths are those of the RandAugment that the recipes of ViT
use (16 operations, one strength for all); each does what Pillow's operation of the same
name does. Where those count pixels of a 224 x 224 image, the same share of the image's
own sides is taken here, because images keep their sizes.

Source: RandAugment (arXiv:1909.13719); How to train your ViT (arXiv:2106.10270) for the
values 2 and 15.
"""

import functools
import math
from collections.abc import Callable

from training.examples.augmentation import seed_for
from training.examples.quiet_tensorflow import tf

_FILL = 128
_TRANSLATE_SHARE = 100 / 224  # of a side, at strength 1
_CUTOUT_SHARE = 40 / 224  # of the shorter side, at strength 1: half of the hole's side

Operation = Callable[[tf.Tensor, float, tf.Tensor], tf.Tensor]


def rand_augment(
    pixels: tf.Tensor, seed: tf.Tensor, *, operations: int, magnitude: float
) -> tf.Tensor:
    """Return an image after randomly chosen operations, one after the other.

    Args:
      pixels: uint8 [height, width, 3].
      seed: int64 [2].
      operations: How many.
      magnitude: Their strength; 10 is the strongest of AutoAugment.
    """
    for number in range(operations):
        choice, operation_seed = choose_operation(seed, number)
        pixels = _operations(magnitude / 10)(pixels, choice, operation_seed)
    return pixels


def choose_operation(seed: tf.Tensor, number: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return which of `OPERATIONS` is the `number`-th of a seed, and its own seed."""
    seeds = tf.random.split(seed_for(seed, number))
    choice = tf.random.stateless_uniform(
        [], seeds[0], maxval=len(OPERATIONS), dtype=tf.int32
    )
    return choice, seeds[1]


def autocontrast(pixels: tf.Tensor) -> tf.Tensor:
    """Stretch every channel to 0..255."""
    low = tf.cast(tf.reduce_min(pixels, axis=[0, 1]), tf.float64)
    high = tf.cast(tf.reduce_max(pixels, axis=[0, 1]), tf.float64)
    levels = tf.range(256, dtype=tf.float64)[:, None]
    scale = 255 / tf.maximum(high - low, 1)
    table = tf.where(high > low, levels * scale - low * scale, levels)
    return _look_up(pixels, tf.cast(table, tf.int32))


def equalize(pixels: tf.Tensor) -> tf.Tensor:
    """Make all levels of every channel about equally frequent."""
    flat = tf.cast(tf.reshape(pixels, [-1, 3]), tf.int32)
    counts = tf.math.bincount(
        tf.transpose(flat), minlength=256, maxlength=256, axis=-1, dtype=tf.int32
    )
    most = tf.reduce_max(flat, axis=0)
    last = tf.gather(counts, most, axis=1, batch_dims=1)
    step = (tf.reduce_sum(counts, axis=1) - last) // 255
    below = tf.cumsum(counts, axis=1, exclusive=True)
    table = (below + step[:, None] // 2) // tf.maximum(step, 1)[:, None]
    table = tf.where(step[:, None] == 0, tf.range(256)[None], table)
    return _look_up(pixels, tf.transpose(table))


def invert(pixels: tf.Tensor) -> tf.Tensor:
    """Make a negative."""
    return 255 - pixels


def posterize(pixels: tf.Tensor, bits: int) -> tf.Tensor:
    """Keep the highest bits of every value, 0..8 of them."""
    return tf.bitwise.bitwise_and(pixels, tf.constant(256 - (1 << 8 - bits), tf.uint8))


def solarize(pixels: tf.Tensor, threshold: int) -> tf.Tensor:
    """Invert values from a threshold on."""
    return tf.where(tf.cast(pixels, tf.int32) < threshold, pixels, 255 - pixels)


def solarize_add(pixels: tf.Tensor, addition: int) -> tf.Tensor:
    """Brighten what is darker than mid-grey."""
    lifted = tf.minimum(tf.cast(pixels, tf.int32) + addition, 255)
    return tf.where(pixels < _FILL, tf.cast(lifted, tf.uint8), pixels)


def color(pixels: tf.Tensor, factor: float) -> tf.Tensor:
    """Change the saturation: 0 is grey, 1 the image."""
    return _blend(_luma(pixels), pixels, factor)


def contrast(pixels: tf.Tensor, factor: float) -> tf.Tensor:
    """Change the contrast: 0 is the mean grey, 1 the image."""
    mean = tf.reduce_mean(tf.cast(_luma(pixels), tf.float64))
    return _blend(tf.floor(mean + 0.5), pixels, factor)


def brightness(pixels: tf.Tensor, factor: float) -> tf.Tensor:
    """Change the brightness: 0 is black, 1 the image."""
    return _blend(tf.constant(0), pixels, factor)


def sharpness(pixels: tf.Tensor, factor: float) -> tf.Tensor:
    """Change the sharpness: 0 is smoothed, 1 the image, more is sharpened."""
    values = tf.cast(pixels, tf.int32)
    total = tf.pad(values, [[1, 1], [1, 1], [0, 0]])
    total = total[:-2] + total[1:-1] + total[2:]
    total = total[:, :-2] + total[:, 1:-1] + total[:, 2:] + 4 * values
    smooth = (2 * total + 13) // 26
    height, width = tf.shape(pixels)[0], tf.shape(pixels)[1]
    row, column = tf.range(height)[:, None], tf.range(width)[None]
    is_inside = (row > 0) & (row < height - 1) & (column > 0) & (column < width - 1)
    return _blend(tf.where(is_inside[..., None], smooth, values), pixels, factor)


def rotate(pixels: tf.Tensor, degrees: tf.Tensor | float) -> tf.Tensor:
    """Turn counter-clockwise about the centre."""
    angle = tf.cast(degrees, tf.float32) * (math.pi / 180)
    sides = tf.cast(tf.shape(pixels), tf.float32)
    x, y = (sides[1] - 1) / 2, (sides[0] - 1) / 2
    sin, cos = tf.sin(angle), tf.cos(angle)
    return _transform(
        pixels, [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y]
    )


def shear_x(pixels: tf.Tensor, slope: tf.Tensor | float) -> tf.Tensor:
    """Move every row by `slope` times its distance from the top, left if positive."""
    return _transform(pixels, [1.0, slope, slope / 2, 0.0, 1.0, 0.0])


def shear_y(pixels: tf.Tensor, slope: tf.Tensor | float) -> tf.Tensor:
    """Move every column by `slope` times its distance from the left, up if positive."""
    return _transform(pixels, [1.0, 0.0, 0.0, slope, 1.0, slope / 2])


def translate(
    pixels: tf.Tensor, x: tf.Tensor | float = 0.0, y: tf.Tensor | float = 0.0
) -> tf.Tensor:
    """Move the image, left and up if positive, by whole pixels."""
    return _transform(pixels, [1.0, 0.0, tf.round(x), 0.0, 1.0, tf.round(y)])


def cutout(pixels: tf.Tensor, centre: tf.Tensor, half_side: tf.Tensor) -> tf.Tensor:
    """Fill a square of 2 x `half_side` pixels around (row, column) with grey."""
    is_hole = []
    for axis in range(2):
        from_centre = tf.range(tf.shape(pixels)[axis]) - centre[axis]
        is_hole.append((from_centre >= -half_side) & (from_centre < half_side))
    is_hole = is_hole[0][:, None, None] & is_hole[1][None, :, None]
    return tf.where(is_hole, tf.constant(_FILL, tf.uint8), pixels)


def _signed(value: tf.Tensor | float, seed: tf.Tensor) -> tf.Tensor:
    """Return a value or, half of the time, its negative."""
    is_negative = tf.random.stateless_uniform([], seed) < 0.5
    return tf.where(is_negative, -1.0, 1.0) * tf.cast(value, tf.float32)


def _random_cutout(pixels: tf.Tensor, strength: float, seed: tf.Tensor) -> tf.Tensor:
    sides = tf.cast(tf.shape(pixels)[:2], tf.float32)
    centre = tf.cast(tf.random.stateless_uniform([2], seed) * sides, tf.int32)
    half_side = tf.reduce_min(sides) * (_CUTOUT_SHARE * strength)
    return cutout(pixels, centre, tf.cast(half_side, tf.int32))


def _translation(
    pixels: tf.Tensor, axis: int, strength: float, seed: tf.Tensor
) -> tf.Tensor:
    side = tf.cast(tf.shape(pixels)[axis], tf.float32)
    return _signed(side * (_TRANSLATE_SHARE * strength), seed)


def _enhancement(strength: float) -> float:
    return 1.8 * strength + 0.1


OPERATIONS: dict[str, Operation] = {
    "autocontrast": lambda image, strength, seed: autocontrast(image),
    "equalize": lambda image, strength, seed: equalize(image),
    "invert": lambda image, strength, seed: invert(image),
    "rotate": lambda image, strength, seed: rotate(image, _signed(30 * strength, seed)),
    "posterize": lambda image, strength, seed: posterize(
        image, min(int(4 * strength), 8)
    ),
    "solarize": lambda image, strength, seed: solarize(image, int(256 * strength)),
    "color": lambda image, strength, seed: color(image, _enhancement(strength)),
    "contrast": lambda image, strength, seed: contrast(image, _enhancement(strength)),
    "brightness": lambda image, strength, seed: brightness(
        image, _enhancement(strength)
    ),
    "sharpness": lambda image, strength, seed: sharpness(image, _enhancement(strength)),
    "shear_x": lambda image, strength, seed: shear_x(
        image, _signed(0.3 * strength, seed)
    ),
    "shear_y": lambda image, strength, seed: shear_y(
        image, _signed(0.3 * strength, seed)
    ),
    "translate_x": lambda image, strength, seed: translate(
        image, x=_translation(image, 1, strength, seed)
    ),
    "translate_y": lambda image, strength, seed: translate(
        image, y=_translation(image, 0, strength, seed)
    ),
    "cutout": _random_cutout,
    "solarize_add": lambda image, strength, seed: solarize_add(
        image, int(110 * strength)
    ),
}


@functools.cache
def _operations(strength: float) -> Callable[..., tf.Tensor]:
    """Return a graph of all operations, traced once however often it is used."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, 3], tf.uint8),
            tf.TensorSpec([], tf.int32),
            tf.TensorSpec([2], tf.int32),
        ],
        autograph=False,
    )
    def apply(pixels: tf.Tensor, choice: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        branches = [
            functools.partial(operation, pixels, strength, seed)
            for operation in OPERATIONS.values()
        ]
        return tf.ensure_shape(tf.switch_case(choice, branches), [None, None, 3])

    return apply


def _look_up(pixels: tf.Tensor, table: tf.Tensor) -> tf.Tensor:
    """Replace every value by its row in a table, int32 [256, 3], a column a channel."""
    table = tf.cast(tf.clip_by_value(table, 0, 255), tf.uint8)
    channels = [
        tf.gather(table[:, number], channel)
        for number, channel in enumerate(tf.unstack(tf.cast(pixels, tf.int32), axis=-1))
    ]
    return tf.stack(channels, axis=-1)


def _luma(pixels: tf.Tensor) -> tf.Tensor:
    """Return the grey of every pixel as Pillow rounds it, int32 [height, width, 1]."""
    weighted = tf.cast(pixels, tf.int32) * tf.constant([19595, 38470, 7471])
    total = tf.reduce_sum(weighted, axis=-1, keepdims=True)
    return (total + 0x8000) // 0x10000


def _blend(degenerate: tf.Tensor, pixels: tf.Tensor, factor: float) -> tf.Tensor:
    """Return the point between (0..1) or beyond two images, truncated as in Pillow."""
    start = tf.cast(degenerate, tf.float32)
    mixed = start + factor * (tf.cast(pixels, tf.float32) - start)
    return tf.cast(tf.clip_by_value(mixed, 0, 255), tf.uint8)


def _transform(pixels: tf.Tensor, matrix: list) -> tf.Tensor:
    """Take every pixel from where a matrix of 6 numbers says, or grey from outside."""
    transform = tf.stack([tf.cast(x, tf.float32) for x in [*matrix, 0, 0]])
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels[None],
        transforms=transform[None],
        output_shape=tf.shape(pixels)[:2],
        fill_value=float(_FILL),
        interpolation="NEAREST",
        fill_mode="CONSTANT",
    )
    return moved[0]
