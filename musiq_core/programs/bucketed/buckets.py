"""Buckets of lengths: the static shapes that accelerators compile for.

Each bucket is a length in rows (an image's tokens and CLS) and a number of images that
together make about the same work, so a handful of programs serves a set of photos.
"""

import bisect

from musiq_core.config import LARGEST_TOKEN_COUNT, sequence_length

BATCH_ROWS = 16384
"""Rows that a batch computes, unless a single image has more."""

_SMALLEST, _LARGEST = 256, sequence_length(LARGEST_TOKEN_COUNT)
_OCTAVES = [_SMALLEST << octave for octave in range(8)]
BUCKETS = (
    *(low * quarter // 4 for low in _OCTAVES for quarter in (4, 5, 6, 7)),
    _LARGEST,
)
"""Lengths in rows, four an octave: an image is padded by less than a quarter."""


def bucket_for(row_count: int) -> int:
    """Return the shortest bucket that holds an image of `row_count` rows.

    Raises:
      ValueError: If none does.
    """
    if not 1 <= row_count <= _LARGEST:
        raise ValueError(f"row_count must be in 1..{_LARGEST}, got {row_count}")
    return BUCKETS[bisect.bisect_left(BUCKETS, row_count)]


def images_of(bucket: int, batch_rows: int = BATCH_ROWS) -> int:
    """Return how many images a batch of this length holds."""
    return max(1, batch_rows // bucket)
