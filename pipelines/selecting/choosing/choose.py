"""The choice at the end: the best of each group, or some by chance."""

import dataclasses
from fractions import Fraction

import numpy as np

from pipelines.ledger.reader import LedgerReader
from pipelines.selecting.choosing.chance import random_keys
from pipelines.selecting.choosing.cuts import (
    Cuts,
    apply_cuts,
    best_first,
    find_cuts,
    first_by_name,
    scores_of,
)
from pipelines.selecting.choosing.ranking import Ranking
from pipelines.selecting.conditions.bounds import is_near
from pipelines.selecting.errors import SelectionError
from pipelines.selecting.request import ChoiceKind, Request
from pipelines.selecting.rows.gather import Gathered
from pipelines.selecting.rows.scan import rows_at
from pipelines.selecting.rows.sieve import Sieve

_MAX_CELLS = 2**31 - 1


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Chosen:
    """What a choice did.

    Attributes:
      text: As it was asked for.
      cuts: Of each group, or of each bin of each group.
      cut_scores: float32 [groups], the last score that is in; None if chance decided.
    """

    text: str
    cuts: Cuts
    cut_scores: np.ndarray | None


def how_many(rows: np.ndarray, request: Request) -> np.ndarray:
    """Return how many rows of groups are kept.

    Of a share of a group, what is kept is rounded up: `top_percent` 80 and `drop_worst`
    20% are the same, and no group is left empty by `top_percent`. A group with fewer
    rows than asked for keeps all of them.

    Args:
      rows: int64 [groups], rows that meet the conditions.
      request: What is asked for.
    """
    choice = request.choice
    kept = rows
    if choice and choice.count is not None:
        kept = np.full_like(rows, choice.count)
    elif choice and choice.percent is not None:
        is_dropped = choice.kind is ChoiceKind.DROP_WORST
        share = 100 - choice.percent if is_dropped else choice.percent
        kept = _rounded_up(rows, share / 100)
    if request.at_least:
        kept = np.maximum(kept, request.at_least)
    if request.at_most:
        kept = np.minimum(kept, request.at_most)
    return np.minimum(kept, rows)


def _rounded_up(rows: np.ndarray, share: Fraction) -> np.ndarray:
    """Return a share of whole numbers, exactly: percents have six decimals at most."""
    return -(-rows * share.numerator // share.denominator)


def choose(
    request: Request,
    ledger: LedgerReader,
    gathered: Gathered,
    sieve: Sieve,
    ranking: Ranking | None,
    scores: np.ndarray | None,
) -> Chosen | None:
    """Remove the rows that are not chosen.

    Args:
      request: What is asked for.
      ledger: Whose rows.
      gathered: Groups of the rows.
      sieve: Learns of the removed rows.
      ranking: What is chosen by, None for chance alone.
      scores: float32 [rows] by which is chosen, None likewise.

    Returns:
      What was done; None if all are kept.

    Raises:
      SelectionError: If there are too many groups and bins.
    """
    if request.choice is None:
        return None
    text = request.choice.text
    if ranking is not None and scores is not None:
        no_score = sieve.reason(text, _no_score(ranking))
        sieve.codes[sieve.inside & np.isnan(scores)] = no_score
    inside = sieve.inside
    is_random = request.choice.kind.is_random
    if is_random or ranking is None or scores is None:
        keys = random_keys(ledger, inside, seed=request.seed)
    else:
        keys = best_first(scores[inside], higher_is_better=ranking.higher_is_better)
    codes, count = _groups(request, gathered, inside, scores)
    cuts = find_cuts(keys, codes, count, lambda rows: how_many(rows, request))
    kept, tied = apply_cuts(cuts, keys, codes)
    out = sieve.reason(text, "not drawn" if is_random else f"not within {text}")
    later = sieve.reason(text, f"as good as the last within {text}, later by name")
    if tied.any():
        wanted = np.zeros(len(inside), bool)
        wanted[inside] = tied
        names = rows_at(ledger, wanted, ["uri"]).column("uri")
        of_tied = None if codes is None else codes[tied]
        kept[tied] = first_by_name(names, of_tied, cuts.tied_in)
    sieve.codes[inside] = np.where(kept, 0, np.where(tied, later, out))
    if is_random or ranking is None or scores is None:
        return Chosen(text=text, cuts=cuts, cut_scores=None)
    cut_scores = scores_of(cuts.keys, higher_is_better=ranking.higher_is_better)
    cut_scores = np.where(cuts.kept > 0, cut_scores, np.float32(np.nan))
    if request.cannot_tell is not None and ranking.model:
        removed = sieve.codes == out
        of_row = cut_scores[0 if gathered.codes is None else gathered.codes]
        near = is_near(scores, of_row, gathered, ranking.model, request.cannot_tell)
        unsure = sieve.reason(text, f"cannot tell: score is close to the cut of {text}")
        sieve.codes[removed & near] = unsure
    return Chosen(text=text, cuts=cuts, cut_scores=cut_scores)


def _no_score(ranking: Ranking) -> str:
    if ranking.model:
        return f"no score of {ranking.model}"
    return "the formula gives no finite number"


def _groups(
    request: Request, gathered: Gathered, inside: np.ndarray, scores: np.ndarray | None
) -> tuple[np.ndarray | None, int]:
    """Return the group of each row that is still in, and how many groups there are."""
    codes = None if gathered.codes is None else gathered.codes[inside]
    count = 1 if gathered.groups is None else len(gathered.groups)
    bins = request.choice.bins if request.choice else 1
    if bins == 1 or scores is None:
        return codes, count
    if count * bins > _MAX_CELLS:
        raise SelectionError(
            f"{count:,} groups of {bins:,} bins each are too many: ask for fewer --bins"
        )
    of_bin = bins_of(scores[inside], bins)
    return of_bin if codes is None else codes * np.int32(bins) + of_bin, count * bins


def bins_of(scores: np.ndarray, bins: int) -> np.ndarray:
    """Return the bin of each score, int32 [scores], from the lowest on.

    Bins are equally wide, from the lowest to the highest of the scores.
    """
    if not len(scores):
        return np.zeros(0, np.int32)
    low, high = float(scores.min()), float(scores.max())
    if low == high:
        return np.zeros(len(scores), np.int32)
    shares = (scores.astype(np.float64) - low) / (high - low)
    return np.minimum((shares * bins).astype(np.int32), bins - 1)
