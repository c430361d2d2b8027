"""Packing the tokens of several images into one flat sequence without padding slots."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Int, Int32

from musiq_core.config import (
    LARGEST_TOKEN_COUNT,
    PreprocessingConfig,
    sequence_length,
)
from musiq_core.images.patches import Patches
from musiq_core.programs.folded.parameters import table_rows

QUERY_BLOCK = 128
CAPACITIES = (4096, 16384, sequence_length(LARGEST_TOKEN_COUNT))
"""Lengths of the flat sequence that programs are compiled for, in tokens with CLS."""

MAX_IMAGES = 128
"""Images in one packed batch."""

_Array = np.ndarray | jax.Array
"""NumPy's where images are laid out, JAX's inside the program."""


class PackedLayout(NamedTuple):
    """Where the tokens of each image lie in a flat sequence.

    Every image has its CLS row first, then its tokens. Attention runs over blocks of
    QUERY_BLOCK rows that start at an image's own first row, so the arithmetic of an
    image does not depend on its neighbours; a block that reaches past its image writes
    rows that the next image's blocks, which come later, write again.

    Attributes:
      row_count: Rows in use.
      table_rows: Row of the fused embedding table; CLS has its own. Its length is the
        sequence's capacity.
      image_starts: CLS row of each image.
      image_sizes: Rows of each image, CLS included.
      image_count: Images in use.
      query_starts: First row of each query block.
      query_images: The image of each query block.
      query_count: Query blocks in use.
    """

    row_count: Int32[_Array, ""]
    table_rows: Int32[_Array, " capacity"]
    image_starts: Int32[_Array, " MAX_IMAGES"]
    image_sizes: Int32[_Array, " MAX_IMAGES"]
    image_count: Int32[_Array, ""]
    query_starts: Int32[_Array, " blocks"]
    query_images: Int32[_Array, " blocks"]
    query_count: Int32[_Array, ""]


def capacity_for(row_count: int) -> int | None:
    """Return the smallest capacity that holds `row_count` rows, None if none does."""
    return next((c for c in CAPACITIES if row_count <= c), None)


def pack(images: Sequence[Patches], preprocessing: PreprocessingConfig) -> PackedLayout:
    """Lay images out one after another.

    Args:
      images: 1 to MAX_IMAGES images that together fit the largest capacity.
      preprocessing: What made them.

    Raises:
      ValueError: If there are too many images or tokens.
    """
    sizes = np.array([sequence_length(p.token_count) for p in images], np.int32)
    row_count = int(sizes.sum())
    capacity = capacity_for(row_count)
    if capacity is None or not 1 <= len(images) <= MAX_IMAGES:
        raise ValueError(
            f"{len(images)} images with {row_count} rows do not fit: at most "
            f"{MAX_IMAGES} images and {CAPACITIES[-1]} rows"
        )
    starts = (np.cumsum(sizes) - sizes).astype(np.int32)
    blocks = -(-sizes // QUERY_BLOCK)
    block_in_image = np.concatenate([np.arange(int(count)) for count in blocks])
    query_images = np.repeat(np.arange(len(images)), blocks)
    most_blocks = capacity // QUERY_BLOCK + MAX_IMAGES
    return PackedLayout(
        row_count=np.array(row_count, np.int32),
        table_rows=_padded(
            np.concatenate([table_rows(p, preprocessing) for p in images]), capacity
        ),
        image_starts=_padded(starts, MAX_IMAGES),
        image_sizes=_padded(sizes, MAX_IMAGES),
        image_count=np.array(len(images), np.int32),
        query_starts=_padded(
            starts[query_images] + QUERY_BLOCK * block_in_image, most_blocks
        ),
        query_images=_padded(query_images, most_blocks),
        query_count=np.array(blocks.sum(), np.int32),
    )


def _padded(values: Int[np.ndarray, " used"], size: int) -> Int32[np.ndarray, " size"]:
    padded = np.zeros(size, np.int32)
    padded[: len(values)] = values
    return padded
