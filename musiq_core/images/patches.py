"""From an upright RGB image to the patches of every scale that MUSIQ sees."""

import dataclasses

import numpy as np
from jaxtyping import Float32, Int32, Shaped, UInt8

from musiq_core.config import PreprocessingConfig
from musiq_core.images.positions import hashed_positions
from musiq_core.images.resize import resize, target_size
from schemas.failures import Failure, ImageFailure

_CENTRE = 128


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Patches:
    """One image as the model sees it: the tokens of all scales, native last.

    Native patches stay bytes until a scorer takes them: a quarter of the memory, and an
    accelerator normalises them itself.

    Attributes:
      resized: float32 [resized tokens, patch * patch * 3], row-column-channel order, in
        -1..1; padding inside a patch is 0.
      native: uint8 [native tokens, patch * patch * 3], 0..255; padding is 0.
      native_bounds: uint8 [native tokens, 4], first and past-the-last row, first and
        past-the-last column of each native patch that lie in the image.
      positions: int32 [tokens], cell of the hashed position grid.
      scale_ids: int32 [tokens], index of the scale, native last.
    """

    resized: Float32[np.ndarray, "resized values"]
    native: UInt8[np.ndarray, "native values"]
    native_bounds: UInt8[np.ndarray, "native 4"]
    positions: Int32[np.ndarray, " tokens"]
    scale_ids: Int32[np.ndarray, " tokens"]

    @property
    def token_count(self) -> int:
        """Number of patches over all scales."""
        return len(self.positions)

    def normalized(
        self, start: int = 0, stop: int | None = None
    ) -> Float32[np.ndarray, "tokens values"]:
        """Return tokens `start` to `stop`, float32 [tokens, patch * patch * 3].

        Values lie in -1..1, and padding is 0: it comes after the mapping.
        """
        stop = self.token_count if stop is None else min(stop, self.token_count)
        resized = self.resized[start:stop]
        first = max(start - len(self.resized), 0)
        last = max(stop - len(self.resized), 0)
        native = _normalize(self.native[first:last])
        _clear_padding(native, self.native_bounds[first:last])
        return np.concatenate([resized, native]) if len(resized) else native


Native = tuple[UInt8[np.ndarray, "native values"], UInt8[np.ndarray, "native 4"]]
"""`Patches.native` and `Patches.native_bounds` of an image."""


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
    layouts = [
        _layout(*size, config.patch_size)
        for size in scaled_sizes(height, width, config)
    ]
    return sum(rows * columns for rows, columns in layouts)


def cut_native(pixels: UInt8[np.ndarray, "height width 3"], patch_size: int) -> Native:
    """Return `Patches.native` and `Patches.native_bounds` of an image.

    Args:
      pixels: uint8 [height, width, 3], upright RGB in 0..255.
      patch_size: Side of a square patch in pixels.
    """
    height, width, _ = pixels.shape
    return _cut_patches(pixels, patch_size), _bounds(height, width, patch_size)


def extract_patches(
    pixels: UInt8[np.ndarray, "height width 3"],
    config: PreprocessingConfig,
    native: Native | None = None,
) -> Patches:
    """Cut the patches of every scale, without the padding tokens of the published code.

    Args:
      pixels: uint8 [height, width, 3], upright RGB in 0..255.
      config: Scales, patch size and grid.
      native: What `cut_native` made of the image, if it is there already.

    Returns:
      The tokens of all scales, row by row within a scale, native last.

    Raises:
      ImageFailure: `unsupported_shape`, as `scaled_sizes`.

    Source: musiq-spec sections 2 to 6. Leaving padding tokens out is exact: they are
    masked in every block.
    """
    height, width, _ = pixels.shape
    patch = config.patch_size
    *resized_sizes, native_size = scaled_sizes(height, width, config)
    centred = (pixels ^ np.uint8(_CENTRE)).view(np.int8)  # 128 less, still bytes
    resized = [
        _cut_patches(_normalize_centred(resize(centred, *size)), patch)
        for size in resized_sizes
    ]
    layouts = [_layout(*size, patch) for size in [*resized_sizes, native_size]]
    none = np.empty((0, patch * patch * 3), np.float32)
    native_patches, native_bounds = native or cut_native(pixels, patch)
    return Patches(
        resized=np.concatenate([none, *resized]),
        native=native_patches,
        native_bounds=native_bounds,
        positions=np.concatenate(
            [
                hashed_positions(*layout, grid_size=config.grid_size)
                for layout in layouts
            ]
        ),
        scale_ids=np.repeat(
            np.arange(len(layouts), dtype=np.int32),
            [rows * columns for rows, columns in layouts],
        ),
    )


def _layout(height: int, width: int, patch: int) -> tuple[int, int]:
    """Rows and columns of patches that cover a scale."""
    return -(-height // patch), -(-width // patch)


def _normalize(pixels: Shaped[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    """Map 0..255 to -1..1 as the published code does, in float32."""
    mapped = pixels / np.float32(255)
    mapped *= 2
    mapped -= 1
    return mapped


def _normalize_centred(
    centred: Float32[np.ndarray, "*shape"],
) -> Float32[np.ndarray, "*shape"]:
    """Map -128..127, in place, to -1..1: as `_normalize` maps what is 128 more.

    Near grey a blend of 0..255 has rounding errors that are large beside what is left
    when 1 is subtracted, and the patch encoder's norms make much of them.
    """
    centred += np.float32(_CENTRE - 127.5)
    centred /= np.float32(127.5)
    return centred


def _clear_padding(
    normalized: Float32[np.ndarray, "native values"],
    bounds: UInt8[np.ndarray, "native 4"],
) -> None:
    """Set what lies outside the image to 0, in place."""
    side = int((normalized.shape[1] // 3) ** 0.5)
    partial = np.flatnonzero((bounds != (0, side, 0, side)).any(axis=1))
    if not partial.size:
        return
    top, bottom, left, right = bounds[partial, :, None].swapaxes(0, 1)
    at = np.arange(side)
    rows, columns = (at >= top) & (at < bottom), (at >= left) & (at < right)
    inside = (rows[:, :, None] & columns[:, None, :])[..., None]
    pixels = normalized[partial].reshape(-1, side, side, 3)
    normalized[partial] = (pixels * inside).reshape(len(partial), -1)


def _cut_patches(
    pixels: Shaped[np.ndarray, "height width 3"], patch: int
) -> Shaped[np.ndarray, "patches values"]:
    """Cut into rows of patches, padded with 0 on both sides, the odd pixel after."""
    height, width, channels = pixels.shape
    rows, columns = _layout(height, width, patch)
    top, left = (rows * patch - height) // 2, (columns * patch - width) // 2
    cut = np.empty((rows, columns, patch, patch, channels), pixels.dtype)
    strip = np.zeros((patch, columns * patch, channels), pixels.dtype)
    for row in range(rows):
        first = row * patch - top
        inside = pixels[max(first, 0) : min(first + patch, height)]
        offset = max(-first, 0)
        strip[:offset] = 0
        strip[offset + len(inside) :] = 0
        strip[offset : offset + len(inside), left : left + width] = inside
        cut[row] = strip.reshape(patch, columns, patch, channels).swapaxes(0, 1)
    return cut.reshape(rows * columns, -1)


def _bounds(height: int, width: int, patch: int) -> UInt8[np.ndarray, "patches 4"]:
    """Rows and columns of every patch that lie in the image."""
    rows, columns = _layout(height, width, patch)

    def along(count: int, side: int) -> UInt8[np.ndarray, "{count} 2"]:
        starts = np.arange(count) * patch - (count * patch - side) // 2
        ends = np.minimum(side - starts, patch)
        return np.stack([np.maximum(-starts, 0), ends], axis=-1).astype(np.uint8)

    row_bounds, column_bounds = along(rows, height), along(columns, width)
    return np.concatenate(
        [np.repeat(row_bounds, columns, axis=0), np.tile(column_bounds, (rows, 1))],
        axis=1,
    )
