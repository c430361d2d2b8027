"""Lowest and highest scores, as numbers or as percentiles."""

import dataclasses
import math
from fractions import Fraction

import numpy as np

from pipelines.ledger.reader import LedgerReader
from pipelines.selecting.choosing.ranking import require_model
from pipelines.selecting.conditions.card_percentiles import card_percentile
from pipelines.selecting.errors import SelectionError
from pipelines.selecting.request import Bound
from pipelines.selecting.rows.gather import Gathered
from pipelines.selecting.rows.sieve import Sieve


@dataclasses.dataclass(frozen=True, kw_only=True)
class Threshold:
    """A bound of one model, as a number.

    Attributes:
      text: As it was asked for.
      flag: "min" or "max".
      model: Its name.
      value: The lowest or highest score that is kept; None if there are no scores that
        a percentile could be of.
    """

    text: str
    flag: str
    model: str
    value: float | None


def apply_bound(
    bound: Bound,
    ledger: LedgerReader,
    gathered: Gathered,
    sieve: Sieve,
    *,
    cannot_tell: float | None,
) -> Threshold:
    """Remove the rows whose scores are beyond a bound.

    A score at the bound is kept; a row without a score of that model is not.

    Args:
      bound: The bound.
      ledger: Whose models they are.
      gathered: Scores of the models, and standard deviations if they are needed.
      sieve: Learns of the removed rows.
      cannot_tell: Standard deviations around the bound within which a removed row is
        told as one of which one cannot tell.
    """
    model = require_model(bound.model, ledger, f"--{bound.flag}")
    scores = gathered.values[f"musiq_{model}"]
    value = bound.value
    if bound.percentile is not None:
        value = (
            card_percentile(model, ledger, bound.percentile)
            if bound.is_of_card
            else percentile_of(scores[sieve.scored], bound.percentile)
        )
    beyond = sieve.reason(bound.text, f"score is beyond {bound.text}")
    missing = sieve.reason(bound.text, f"no score of {model}")
    inside = sieve.inside
    sieve.codes[inside & np.isnan(scores)] = missing
    if value is None:
        return Threshold(text=bound.text, flag=bound.flag, model=model, value=None)
    # Scores are float32: one that is written with its own digits is at the bound.
    least = np.float32(value)
    with np.errstate(invalid="ignore"):
        removed = scores < least if bound.flag == "min" else scores > least
    removed &= inside
    sieve.codes[removed] = beyond
    if cannot_tell is not None:
        near = removed & is_near(scores, float(least), gathered, model, cannot_tell)
        sieve.codes[near] = sieve.reason(
            bound.text, f"cannot tell: score is close to {bound.text}"
        )
    return Threshold(text=bound.text, flag=bound.flag, model=model, value=float(least))


def is_near(
    scores: np.ndarray,
    cuts: np.ndarray | float,
    gathered: Gathered,
    model: str,
    deviations: float,
) -> np.ndarray:
    """Whether a cut is within some standard deviations of each score, bool [rows]."""
    std = gathered.values[f"musiq_{model}_std"]
    with np.errstate(invalid="ignore"):
        return np.abs(scores - cuts) <= deviations * std


def percentile_of(scores: np.ndarray, percentile: Fraction) -> float | None:
    """Return the least score such that `percentile` of all are not above it.

    It is one of the scores (the quantile called inverted_cdf or nearest rank).

    Args:
      scores: float32 [scores]; NaN is none.
      percentile: In percent.
    """
    found = scores[~np.isnan(scores)]
    if not len(found):
        return None
    place = max(math.ceil(percentile * len(found) / 100) - 1, 0)
    return float(np.partition(found, place)[place])


def require_deviations(model: str | None, ledger_columns: list[str]) -> None:
    """Refuse to tell how certain a cut is where the ledger does not say it.

    Args:
      model: By whose scores is cut; None for a formula or chance.
      ledger_columns: Names of the ledger's columns.

    Raises:
      SelectionError: If there are no standard deviations.
    """
    if model is None:
        raise SelectionError(
            "--cannot_tell is of cuts by one model's scores, not of --score or samples"
        )
    if f"musiq_{model}_std" not in ledger_columns:
        raise SelectionError(
            f"--cannot_tell needs the column musiq_{model}_std, which models with a "
            "distribution have, and this ledger has none"
        )
