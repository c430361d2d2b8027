"""The score by which is chosen: a model's, or a formula of several."""

import dataclasses

import numpy as np

from pipelines.ledger.reader import LedgerReader
from pipelines.selecting.choosing.cuts import best_first
from pipelines.selecting.choosing.formula import Formula, parse_formula, ranks_of
from pipelines.selecting.errors import SelectionError
from pipelines.selecting.request import Request
from pipelines.selecting.rows.gather import Gathered
from schemas.programs.config_file import nearest

_ROWS_AT_ONCE = 1_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ranking:
    """What is chosen by.

    Attributes:
      name: The model or the formula, for people.
      higher_is_better: Direction of the score.
      model: The model; None for a formula.
      formula: The formula; None for a model.
    """

    name: str
    higher_is_better: bool = True
    model: str | None = None
    formula: Formula | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """The models whose scores it needs."""
        if self.formula is None:
            return (self.name,)
        return tuple(dict.fromkeys((*self.formula.models, *self.formula.ranked)))


def ranking_of(request: Request, ledger: LedgerReader) -> Ranking | None:
    """Return what a request chooses by; None if it needs no score.

    Raises:
      SelectionError: If it names a model that there is not, or none of several.
    """
    if request.score:
        formula = parse_formula(request.score, ledger.models)
        for name in formula.models:
            _score_range(name, ledger)
        return Ranking(name=request.score, formula=formula)
    if request.choice is None or not request.ranks:
        return None
    return ranking_by(request.choice.model, ledger, f"--{request.choice.kind}")


def ranking_by(name: str | None, ledger: LedgerReader, flag: str) -> Ranking:
    """Return a ranking by a model's scores; arguments and errors of `require_model`."""
    model = require_model(name, ledger, flag)
    return Ranking(
        name=model, model=model, higher_is_better=higher_is_better(model, ledger)
    )


def require_model(name: str | None, ledger: LedgerReader, flag: str) -> str:
    """Return a model of the ledger; the only one if it is not named.

    Raises:
      SelectionError: If there is no such model, or several and none is named.
    """
    known = list(ledger.models)
    if name in known:
        return name
    if name is None and len(known) == 1:
        return known[0]
    told = ", ".join(known) or "none"
    if name is None:
        raise SelectionError(
            f"{flag}: by which model's scores? Name it, such as {flag} "
            f"{known[0] if known else 'NAME'}=...; the ledger has {told}"
        )
    hint = nearest(name, known) or f"; it has {told}"
    raise SelectionError(f"{flag}: the ledger has no model {name!r}{hint}")


def higher_is_better(model: str, ledger: LedgerReader) -> bool:
    """Return the direction of a model's scores; ledgers of old do not tell it."""
    return bool(ledger.models[model].get("higher_is_better", True))


def ranking_scores(
    ranking: Ranking, ledger: LedgerReader, gathered: Gathered, scored: np.ndarray
) -> np.ndarray:
    """Return the scores by which is chosen, float32 [rows], NaN where there are none.

    A formula is computed in float64 and rounded to float32 at the end, as scores are.

    Args:
      ranking: What is chosen by.
      ledger: Whose models they are.
      gathered: Scores of the models.
      scored: bool [rows], the rows among which ranks are counted.
    """
    if ranking.formula is None:
        return gathered.values[f"musiq_{ranking.name}"]
    formula = ranking.formula
    ranks = {name: _ranks(name, ledger, gathered, scored) for name in formula.ranked}
    found = np.empty(len(scored), np.float32)
    for start in range(0, len(scored), _ROWS_AT_ONCE):
        span = slice(start, start + _ROWS_AT_ONCE)
        scores = {
            name: _normalised(name, ledger, gathered, span) for name in formula.models
        }
        shares = {
            name: np.where(counts[span] > 0, counts[span] / most, np.nan)
            for name, (counts, most) in ranks.items()
        }
        with np.errstate(over="ignore"):
            found[span] = formula.value(scores, shares)
    found[~np.isfinite(found)] = np.nan
    return found


def _normalised(
    name: str, ledger: LedgerReader, gathered: Gathered, span: slice
) -> np.ndarray:
    low, high = _score_range(name, ledger)
    share = (gathered.values[f"musiq_{name}"][span].astype(np.float64) - low) / (
        high - low
    )
    return share if higher_is_better(name, ledger) else 1 - share


def _ranks(
    name: str, ledger: LedgerReader, gathered: Gathered, scored: np.ndarray
) -> tuple[np.ndarray, int]:
    """Return how many scored rows are not better than each, and how many there are."""
    scores = gathered.values[f"musiq_{name}"]
    counted = scored & ~np.isnan(scores)
    keys = best_first(scores[counted], higher_is_better=higher_is_better(name, ledger))
    ranks = np.zeros(len(scores), np.int32)
    ranks[counted] = ranks_of(keys)
    return ranks, max(len(keys), 1)


def _score_range(name: str, ledger: LedgerReader) -> tuple[float, float]:
    """Return the range of a model's scores.

    Raises:
      SelectionError: If the commit does not tell it.
    """
    told = ledger.models[name].get("score_range")
    if not told:
        raise SelectionError(
            f"--score: the ledger does not say which range {name} has; rank({name}) "
            "needs none"
        )
    return float(told[0]), float(told[1])
