"""Packing the tokens of several images into one flat sequence without padding slots."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from musiq_core.images.patches import Patches

QUERY_BLOCK = 128
CAPACITIES = (4096, 16384, 65536)
"""Lengths of the flat sequence that programs are compiled for, in tokens with CLS."""

LARGEST_TOKEN_COUNT = CAPACITIES[-1] - 1
"""Tokens of the largest image, which fills the longest sequence with its CLS row."""

MAX_IMAGES = 128
"""Images in one packed batch."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PackedLayout:
    """Where the tokens of each image lie in a flat sequence of `capacity` rows.

    Every image has its CLS row first, then its tokens. Attention runs over blocks of
    QUERY_BLOCK rows that start at an image's own first row, so the arithmetic of an
    image does not depend on its neighbours; a block that reaches past its image writes
    rows that the next image's blocks, which come later, write again.

    Attributes:
      capacity: Rows of the sequence.
      row_count: Rows in use.
      table_rows: int32 [capacity], row of the fused embedding table; CLS has its own.
      image_starts: int32 [MAX_IMAGES], CLS row of each image.
      image_sizes: int32 [MAX_IMAGES], rows of each image, CLS included.
      image_count: Images in use.
      query_starts: int32 [blocks], first row of each query block.
      query_images: int32 [blocks], the image of each query block.
      query_count: Query blocks in use.
    """

    capacity: int
    row_count: int
    table_rows: np.ndarray
    image_starts: np.ndarray
    image_sizes: np.ndarray
    image_count: int
    query_starts: np.ndarray
    query_images: np.ndarray
    query_count: int


def sequence_length(token_count: int) -> int:
    """Return the rows that an image takes in a packed sequence: its tokens and CLS."""
    return token_count + 1


def capacity_for(row_count: int) -> int | None:
    """Return the smallest capacity that holds `row_count` rows, None if none does."""
    return next((c for c in CAPACITIES if row_count <= c), None)


def pack(
    images: Sequence[Patches], *, grid_cells: int, scale_count: int
) -> PackedLayout:
    """Lay images out one after another.

    Args:
      images: 1 to MAX_IMAGES images that together fit the largest capacity.
      grid_cells: Cells of the position grid.
      scale_count: Scales of the model, native included.

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
    table_rows = np.zeros(capacity, np.int32)
    for patches, start, size in zip(images, starts, sizes, strict=True):
        table_rows[start] = grid_cells * scale_count
        table_rows[start + 1 : start + size] = (
            patches.scale_ids * grid_cells + patches.positions
        )
    blocks = -(-sizes // QUERY_BLOCK)
    query_starts = np.concatenate(
        [
            start + QUERY_BLOCK * np.arange(n)
            for start, n in zip(starts, blocks, strict=True)
        ]
    )
    most_blocks = capacity // QUERY_BLOCK + MAX_IMAGES
    return PackedLayout(
        capacity=capacity,
        row_count=row_count,
        table_rows=table_rows,
        image_starts=_padded(starts, MAX_IMAGES),
        image_sizes=_padded(sizes, MAX_IMAGES),
        image_count=len(images),
        query_starts=_padded(query_starts, most_blocks),
        query_images=_padded(np.repeat(np.arange(len(images)), blocks), most_blocks),
        query_count=int(blocks.sum()),
    )


def _padded(values: np.ndarray, size: int) -> np.ndarray:
    padded = np.zeros(size, np.int32)
    padded[: len(values)] = values
    return padded
