"""Which images are for training: drawn by seed, or as the release says; no leaks."""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Sequence

from pipelines.preparing.labels import LabelledImage, ReleaseError
from schemas.training_example import SPLITS

TRAIN_SHARE = 0.8


def draw_split(
    rows: Sequence[LabelledImage], seed: int
) -> tuple[list[LabelledImage], str]:
    """Put 80 % of the groups into `train` and the others into `test`.

    Which ones depends on nothing but their names and the seed.

    Args:
      rows: All rows; what they say of splits is not looked at.
      seed: Another one gives another split.

    Returns:
      The rows with their splits, and the rule in words. Of n groups exactly
      round(0.8 * n) are for training.
    """
    groups = sorted({row.group for row in rows}, key=lambda group: _rank(group, seed))
    train = set(groups[: round(TRAIN_SHARE * len(groups))])
    drawn = [
        dataclasses.replace(row, split="train" if row.group in train else "test")
        for row in rows
    ]
    what = "images" if len(groups) == len(rows) else "groups"
    rule = (
        f"random 80/20 with seed {seed}: {len(train)} of {len(groups)} {what} in train"
    )
    return drawn, rule


def require_sound_rows(rows: Sequence[LabelledImage], splits: Sequence[str]) -> None:
    """Refuse rows that no training could trust.

    Args:
      rows: All rows with their splits.
      splits: Splits that must not be empty.

    Raises:
      ReleaseError: If a name comes twice, a split is empty or unknown, or a group
        stands in two splits.
    """
    names = Counter(row.name for row in rows)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ReleaseError(
            f"{len(twice)} images have several labels, such as {twice[0]!r}"
        )
    home: dict[str, LabelledImage] = {}
    for row in rows:
        if row.split not in SPLITS:
            raise ReleaseError(
                f"{row.name!r} is in the split {row.split!r}; splits are "
                f"{', '.join(SPLITS)}"
            )
        first = home.setdefault(row.group, row)
        if first.split != row.split:
            raise ReleaseError(
                f"the split would leak: {first.name!r} in {first.split} and "
                f"{row.name!r} in {row.split} belong to the same group {row.group!r}"
            )
    for split in splits:
        if not any(row.split == split for row in rows):
            raise ReleaseError(
                f"the split {split} is empty: none of the {len(rows)} labelled images "
                "is in it"
            )


def _rank(group: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\0{group}".encode("utf-8", "surrogatepass")).digest()
