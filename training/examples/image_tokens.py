"""`musiq_core.images.patches` as a TensorFlow graph: the same tokens, made in parallel.

Tests hold the two equal: pixels exactly, tokens within 1e-6.
"""

import dataclasses

from musiq_core.config import PreprocessingConfig
from training.examples.quiet_tensorflow import tf

# Becomes exactly 0 when 0..255 is mapped to -1..1.
_PADDING = 127.5


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokenChoice:
    """Which tokens of one scale stay.

    Attributes:
      most: How many; None keeps all.
      seed: int64 [2], chooses them at random; None keeps the first.
    """

    most: int | None = None
    seed: tf.Tensor | None = None


def decode_image(data: tf.Tensor) -> tf.Tensor:
    """Return the pixels of a JPEG or PNG file, uint8 [height, width, 3].

    They are those of `musiq_core.images.decode.decode_image`.
    """
    pixels = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_FAST")
    return tf.ensure_shape(pixels, [None, None, 3])


def image_tokens(
    pixels: tf.Tensor, config: PreprocessingConfig, choices: list[TokenChoice]
) -> dict[str, tf.Tensor]:
    """Cut an image into the tokens of all scales, native last.

    Args:
      pixels: uint8 or float32 [height, width, 3] in 0..255.
      config: Scales, patch size and grid.
      choices: Which tokens stay, for every scale.

    Returns:
      `pixels` float32 [tokens, patch * patch * 3] in -1..1, `positions` int32 [tokens]
      and `scale_ids` int32 [tokens].
    """
    height, width = tf.shape(pixels)[0], tf.shape(pixels)[1]
    copies = [
        tf.image.resize(pixels, _target_size(height, width, longer), method="gaussian")
        for longer in config.scales
    ]
    scales = [
        _scale_tokens(copy, config, choice)
        for copy, choice in zip([*copies, pixels], choices, strict=True)
    ]
    return {
        "pixels": tf.concat([tokens for tokens, _ in scales], axis=0),
        "positions": tf.concat([positions for _, positions in scales], axis=0),
        "scale_ids": tf.repeat(
            tf.range(config.scale_count),
            [tf.shape(positions)[0] for _, positions in scales],
        ),
    }


def pad_tokens(tokens: dict[str, tf.Tensor], length: int) -> dict[str, tf.Tensor]:
    """Return tokens padded with zeros to `length`, and their `mask`, bool [length]."""
    count = tf.shape(tokens["positions"])[0]
    padded = {
        name: tf.pad(array, [[0, length - count]] + [[0, 0]] * (array.shape.rank - 1))
        for name, array in tokens.items()
    }
    padded["mask"] = tf.range(length) < count
    return {
        name: tf.ensure_shape(array, [length, *array.shape[1:]])
        for name, array in padded.items()
    }


def _target_size(height: tf.Tensor, width: tf.Tensor, longer_side: int) -> tf.Tensor:
    """`musiq_core.images.resize.target_size`, but never 0."""
    sides = tf.cast(tf.stack([height, width]), tf.float32)
    ratio = tf.constant(longer_side, tf.float32) / tf.reduce_max(sides)
    return tf.maximum(tf.cast(tf.round(sides * ratio), tf.int32), 1)


def _scale_tokens(
    pixels: tf.Tensor, config: PreprocessingConfig, choice: TokenChoice
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return tokens and positions of one scale."""
    patch = config.patch_size
    height, width = tf.shape(pixels)[0], tf.shape(pixels)[1]
    rows, columns = -(-height // patch), -(-width // patch)
    positions = _hashed_positions(rows, columns, config.grid_size)
    missing = tf.stack([rows * patch - height, columns * patch - width])
    before = missing // 2
    after = missing - before
    padding = [[before[0], after[0]], [before[1], after[1]], [0, 0]]
    padded = tf.pad(tf.cast(pixels, tf.float32), padding, constant_values=_PADDING)
    cut = tf.reshape(padded, [rows, patch, columns, patch, 3])
    cut = tf.transpose(cut, [0, 2, 1, 3, 4])
    tokens = tf.reshape(cut, [-1, patch * patch * 3])
    if choice.most is not None and choice.seed is not None:
        draws = tf.random.stateless_uniform(tf.stack([rows * columns]), choice.seed)
        chosen = tf.sort(tf.argsort(draws, stable=True)[: choice.most])
        tokens, positions = tf.gather(tokens, chosen), tf.gather(positions, chosen)
    elif choice.most is not None:
        tokens, positions = tokens[: choice.most], positions[: choice.most]
    return tokens / 255 * 2 - 1, positions


def _hashed_positions(rows: tf.Tensor, columns: tf.Tensor, grid_size: int) -> tf.Tensor:
    """`musiq_core.images.positions.hashed_positions`."""
    cells = [_grid_cells(count, grid_size) for count in (rows, columns)]
    return tf.reshape(cells[0][:, None] * grid_size + cells[1], [-1])


def _grid_cells(count: tf.Tensor, grid_size: int) -> tf.Tensor:
    step = tf.constant(grid_size, tf.float32) / tf.cast(count, tf.float32)
    cells = tf.floor(tf.cast(tf.range(count), tf.float32) * step)
    return tf.cast(tf.minimum(cells, grid_size - 1), tf.int32)
