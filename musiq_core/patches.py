"""From an upright RGB image to the patches of every scale that MUSIQ sees."""

import dataclasses

import numpy as np

from musiq_core.config import PreprocessingConfig
from musiq_core.positions import hashed_positions
from musiq_core.resize import resize, target_size
from schemas.failures import Failure, ImageFailure


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Patches:
    """One image as the model sees it: the tokens of all scales, native last.

    Attributes:
      pixels: float32 [tokens, patch * patch * 3], row-column-channel order, in -1..1;
        padding inside a patch is 0.
      positions: int32 [tokens], cell of the hashed position grid.
      scale_ids: int32 [tokens], index of the scale, native last.
    """

    pixels: np.ndarray
    positions: np.ndarray
    scale_ids: np.ndarray

    @property
    def token_count(self) -> int:
        """Number of patches over all scales."""
        return len(self.positions)


def scaled_sizes(
    height: int, width: int, config: PreprocessingConfig
) -> list[tuple[int, int]]:
    """Return the (height, width) in pixels of every scale, native last.

    Raises:
      ImageFailure: `unsupported_shape` if a side of a resized copy would round to 0.
    """
    sizes = [target_size(height, width, longer) for longer in config.scales]
    for longer, size in zip(config.scales, sizes, strict=True):
        if 0 in size:
            raise ImageFailure(
                Failure.UNSUPPORTED_SHAPE,
                f"{width} x {height} pixels is too thin: the copy with longer side "
                f"{longer} would have a side of 0 pixels",
            )
    return [*sizes, (height, width)]


def count_tokens(height: int, width: int, config: PreprocessingConfig) -> int:
    """Return how many tokens `extract_patches` makes of an image of this size.

    Raises:
      ImageFailure: `unsupported_shape`, as `scaled_sizes`.
    """
    return sum(
        _patch_count(h, config.patch_size) * _patch_count(w, config.patch_size)
        for h, w in scaled_sizes(height, width, config)
    )


def extract_patches(pixels: np.ndarray, config: PreprocessingConfig) -> Patches:
    """Cut the patches of every scale, without the padding tokens of the published code.

    Args:
      pixels: uint8 [height, width, 3], upright RGB.
      config: Scales, patch size and grid.

    Returns:
      The tokens of all scales, row by row within a scale, native last.

    Raises:
      ImageFailure: `unsupported_shape`, as `scaled_sizes`.

    Source: musiq-spec sections 2 to 6. Leaving padding tokens out is exact: they are
    masked in every block.
    """
    height, width, _ = pixels.shape
    sizes = scaled_sizes(height, width, config)
    patch = config.patch_size
    layouts = [(_patch_count(h, patch), _patch_count(w, patch)) for h, w in sizes]
    counts = [rows * columns for rows, columns in layouts]
    cut = np.empty((sum(counts), patch * patch * 3), np.float32)
    starts = np.cumsum([0, *counts])
    for scale, size in enumerate(sizes):
        is_native = scale == len(sizes) - 1
        scaled = pixels if is_native else resize(pixels, *size)
        _cut_patches(scaled, patch, out=cut[starts[scale] : starts[scale + 1]])
    return Patches(
        pixels=cut,
        positions=np.concatenate(
            [
                hashed_positions(*layout, grid_size=config.grid_size)
                for layout in layouts
            ]
        ),
        scale_ids=np.repeat(np.arange(len(sizes), dtype=np.int32), counts),
    )


def _patch_count(side: int, patch: int) -> int:
    return -(-side // patch)


def _cut_patches(pixels: np.ndarray, patch: int, *, out: np.ndarray) -> None:
    """Pad both sides (the odd pixel after), map 0..255 to -1..1, write rows of patches.

    Padding comes after the mapping, so it is mid-grey. One row of patches is in flight
    at a time: a large photo is never held twice as float32.
    """
    height, width, channels = pixels.shape
    rows, columns = _patch_count(height, patch), _patch_count(width, patch)
    top = (rows * patch - height) // 2
    left = (columns * patch - width) // 2
    strip = np.zeros((patch, columns * patch, channels), np.float32)
    grid = out.reshape(rows, columns, patch, patch, channels)
    for row in range(rows):
        first = row * patch - top
        inside = pixels[max(first, 0) : min(first + patch, height)]
        offset = max(-first, 0)
        strip[:offset] = 0
        strip[offset + len(inside) :] = 0
        mapped = strip[offset : offset + len(inside), left : left + width]
        np.divide(inside, np.float32(255), out=mapped)
        mapped *= 2
        mapped -= 1
        grid[row] = strip.reshape(patch, columns, patch, channels).swapaxes(0, 1)
