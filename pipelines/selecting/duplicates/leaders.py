"""Leaders: the best photo first, each is kept unless it resembles one that is.

So nothing chains: a photo is dropped for a kept one within the distance, never for a
neighbour of a neighbour. The order is a total one, so the outcome is the same in any
order of the input.
"""

import numpy as np

from pipelines.selecting.duplicates.comparing import (
    Comparing,
    Pairs,
    TooManyPairsError,
)

_FEW = 4096
_MOST_PAIRS = _FEW**2  # more than so few can have, so that they are always settled


def find_leaders(words: np.ndarray, comparing: Comparing) -> np.ndarray:
    """Return the leader of each hash: the best kept one within the distance.

    The best quarter is settled first, and what it drops is compared with no more: so a
    crowd of copies costs a comparison or two each, however large it is.

    Args:
      words: uint64 [n, 4], distinct, the best first.
      comparing: Compares them up to the distance.

    Returns:
      int64 [n]; a hash's own index if it is kept.
    """
    leaders = np.arange(len(words))
    _settle(np.arange(len(words)), words, leaders, comparing)
    return leaders


def leaders_of_pairs(count: int, pairs: Pairs) -> np.ndarray:
    """Return the leader of each of `count` hashes, the best first, from all pairs."""
    leaders = np.arange(count)
    order = np.lexsort((pairs.second, pairs.first))
    first, second = pairs.first[order], pairs.second[order]
    starts = np.flatnonzero(np.r_[True, np.diff(first) != 0]) if len(first) else first
    ends = np.r_[starts[1:], len(first)].tolist() if len(first) else []
    for start, end in zip(starts.tolist(), ends, strict=True):
        leader = first[start]
        if leaders[leader] == leader:
            others = second[start:end]
            is_open = leaders[others] == others
            leaders[others[is_open]] = leader
    return leaders


def _settle(
    block: np.ndarray, words: np.ndarray, leaders: np.ndarray, comparing: Comparing
) -> None:
    """Find the leaders among `block`, in order, that no leader outside it drops."""
    while len(block):
        if len(block) > _FEW:
            quarter = len(block) // 4
            best, block = block[:quarter], block[quarter:]
            _settle(best, words, leaders, comparing)
            kept = best[leaders[best] == best]
            first = comparing.first_match(words[kept], words[block])
            is_dropped = first < len(kept)
            leaders[block[is_dropped]] = kept[first[is_dropped]]
            block = block[~is_dropped]
        try:
            pairs = comparing.pairs_within(words[block], most=_MOST_PAIRS)
        except TooManyPairsError:
            continue
        leaders[block] = block[leaders_of_pairs(len(block), pairs)]
        return
