"""The exact cut of each group, and which of the rows at the cut are in.

No row is ordered among all others: a sort of keys alone finds the cuts, rows are then
compared with theirs, and only the names of rows that are equal at a cut are looked at.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFF_FFFF)


def best_first(scores: np.ndarray, *, higher_is_better: bool = True) -> np.ndarray:
    """Return keys that ascend from the best score to the worst, equal for equal ones.

    Args:
      scores: float32 [rows], finite.
      higher_is_better: Direction of the score.

    Returns:
      uint32 [rows].
    """
    # The bits of positive floats ascend like the numbers, those of negative ones
    # descend; adding 0 makes -0 the same as 0.
    bits = (scores.astype(np.float32, copy=False) + np.float32(0)).view(np.uint32)
    ascending = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    return ~ascending if higher_is_better else ascending


def scores_of(keys: np.ndarray, *, higher_is_better: bool = True) -> np.ndarray:
    """Return the scores that `best_first` made keys of, float32 [rows]."""
    ascending = ~keys if higher_is_better else keys
    top = np.uint32(1 << 31)
    bits = np.where(ascending & top, ascending ^ top, ~ascending)
    return bits.astype(np.uint32).view(np.float32)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Cuts:
    """Where each group is cut.

    Attributes:
      keys: uint32 [groups], the key of the last rows that are in.
      rows: int64 [groups], how many rows there are.
      kept: int64 [groups], how many are in; the key of a group of which none is says
        nothing.
      tied: int64 [groups], how many rows have the key of the cut.
      tied_in: int64 [groups], how many of these are in.
    """

    keys: np.ndarray
    rows: np.ndarray
    kept: np.ndarray
    tied: np.ndarray
    tied_in: np.ndarray


def find_cuts(
    keys: np.ndarray,
    codes: np.ndarray | None,
    group_count: int,
    keep: Callable[[np.ndarray], np.ndarray],
) -> Cuts:
    """Find the cut of each group.

    Args:
      keys: uint32 [rows]; rows with the least are in.
      codes: int32 [rows], the group of each; None if there is one group.
      group_count: How many groups there are.
      keep: Returns for sizes of groups, int64 [groups], how many rows are in.
    """
    if codes is None:
        ordered = np.sort(keys)
        rows = np.array([len(keys)])
        bases = np.zeros(1, keys.dtype)
    else:
        ordered = codes.astype(np.uint64)
        ordered <<= _HALF
        ordered |= keys
        ordered.sort()
        rows = np.bincount(codes, minlength=group_count)
        bases = np.arange(group_count, dtype=np.uint64) << _HALF
    kept = np.minimum(keep(rows), rows)
    starts = np.cumsum(rows) - rows
    lasts = np.clip(starts + kept - 1, 0, max(len(ordered) - 1, 0))
    found = ordered[lasts] if len(ordered) else bases
    cut = (found.astype(np.uint64) & _LOW).astype(np.uint32)
    whole = bases | cut
    before = np.searchsorted(ordered, whole, "left") - starts
    through = np.searchsorted(ordered, whole, "right") - starts
    return Cuts(
        keys=cut,
        rows=rows,
        kept=kept,
        tied=np.where(kept > 0, through - before, 0),
        tied_in=np.where(kept > 0, kept - before, 0),
    )


def apply_cuts(
    cuts: Cuts, keys: np.ndarray, codes: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Compare rows with the cuts of their groups.

    Returns:
      bool [rows]: those that are in for certain, and those of which only names decide.
    """
    groups: np.ndarray | int = 0 if codes is None else codes
    at_cut = keys == cuts.keys[groups]
    is_cut = (cuts.kept > 0)[groups]
    all_in = (cuts.tied == cuts.tied_in)[groups]
    inside = is_cut & ((keys < cuts.keys[groups]) | (at_cut & all_in))
    return inside, is_cut & at_cut & ~all_in


def first_by_name(
    names: pa.Array | pa.ChunkedArray, codes: np.ndarray | None, tied_in: np.ndarray
) -> np.ndarray:
    """Choose among rows that are equal: of each group those whose names come first.

    Args:
      names: Text [rows], ordered by the bytes of their UTF-8.
      codes: int32 [rows], the group of each; None if there is one group.
      tied_in: int64 [groups], how many are in.

    Returns:
      bool [rows], those that are in.
    """
    groups = np.zeros(len(names), np.int32) if codes is None else codes
    table = pa.table({"group": groups, "name": names})
    by = pc.SortOptions([("group", "ascending"), ("name", "ascending")])
    order = pc.call_function("sort_indices", [table], by).to_numpy()
    ordered = groups[order]
    firsts = np.searchsorted(ordered, ordered, "left")
    inside = np.empty(len(names), bool)
    inside[order] = np.arange(len(names)) - firsts < tied_in[ordered]
    return inside
