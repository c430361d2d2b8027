"""From what is asked to what is kept: the steps, in the order that is documented."""

from pipelines.ledger.reader import LedgerReader
from pipelines.selecting.choosing.choose import choose
from pipelines.selecting.choosing.group_codes import GroupCodes
from pipelines.selecting.choosing.ranking import (
    Ranking,
    ranking_by,
    ranking_of,
    ranking_scores,
    require_model,
)
from pipelines.selecting.conditions.bounds import (
    Threshold,
    apply_bound,
    require_deviations,
)
from pipelines.selecting.conditions.predicates import Predicates
from pipelines.selecting.duplicates.near_duplicates import (
    find_near_duplicates,
    require_hashes,
)
from pipelines.selecting.errors import SelectionError
from pipelines.selecting.request import Request, split_names
from pipelines.selecting.rows.gather import gather
from pipelines.selecting.rows.scan import ledger_schema_of
from pipelines.selecting.rows.sieve import Sieve
from pipelines.selecting.selection import Selection


def select_photos(
    ledger: LedgerReader, request: Request, *, threads: int | None = None
) -> Selection:
    """Select rows of a published state; nothing is written.

    In this order: rows that have scores and whose photos the inputs still name; those
    that meet `where`, one condition after the other; those within the bounds; the best
    of near-duplicates; those that are chosen, of each group. Memory holds a few numbers
    of each row (for near-duplicates its hash, too), and no text.

    Args:
      ledger: Whose rows.
      request: What is asked for.
      threads: Of DuckDB; by default one a core. The result does not depend on it.

    Raises:
      SelectionError: If the ledger has no such column or model, or a condition is
        wrong; one line.
      LedgerFolderError: If a file of the ledger is missing or damaged.
      StorageError: If the store does not answer.
    """
    schema = ledger_schema_of(ledger)
    ranking = ranking_of(request, ledger)
    best_by = _best_by(request, ledger, ranking)
    if request.dedupe is not None:
        require_hashes(schema)
    groups = None
    if request.per:
        groups = GroupCodes(split_names(request.per, schema.names, "--per"), schema)
    predicates = Predicates(request.where, schema, threads=threads)
    sieve = Sieve(ledger.row_count)
    gathered = gather(
        ledger,
        sieve,
        predicates,
        values=_needed(request, ledger, ranking, best_by, schema.names),
        groups=groups,
    )
    thresholds: list[Threshold] = [
        apply_bound(bound, ledger, gathered, sieve, cannot_tell=request.cannot_tell)
        for bound in request.bounds
    ]
    scores = None
    if ranking is not None:
        scores = ranking_scores(ranking, ledger, gathered, sieve.scored)
    duplicates = None
    if request.dedupe is not None and best_by is not None:
        duplicates = find_near_duplicates(
            request.dedupe,
            ledger,
            sieve,
            ranking_scores(best_by, ledger, gathered, sieve.scored),
            higher_is_better=best_by.higher_is_better,
        )
    chosen = choose(request, ledger, gathered, sieve, ranking, scores)
    return Selection(
        ledger=ledger,
        request=request,
        thresholds=tuple(thresholds),
        ranking=ranking,
        chosen=chosen,
        duplicates=duplicates,
        _schema=schema,
        _sieve=sieve,
        _gathered=gathered,
        _scores=scores,
    )


def _best_by(
    request: Request, ledger: LedgerReader, ranking: Ranking | None
) -> Ranking | None:
    """Return by what the best of near-duplicates is told; None if nobody asks.

    Raises:
      SelectionError: If it names a model that there is not, or none of several.
    """
    if request.dedupe is None:
        return None
    if request.dedupe.model is None and ranking is not None:
        return ranking
    return ranking_by(request.dedupe.model, ledger, "--dedupe")


def _needed(
    request: Request,
    ledger: LedgerReader,
    ranking: Ranking | None,
    best_by: Ranking | None,
    known: list[str],
) -> list[str]:
    """Return the columns of scores that must be in memory.

    Raises:
      SelectionError: If the ledger has no such model or column.
    """
    cut = [require_model(one.model, ledger, f"--{one.flag}") for one in request.bounds]
    ranked = [model for one in (ranking, best_by) if one for model in one.models]
    models = dict.fromkeys([*cut, *ranked])
    names = [f"musiq_{model}" for model in models]
    for name in names:
        if name not in known:
            raise SelectionError(f"the ledger's files have no column {name}")
    if request.cannot_tell is None:
        return names
    is_random = request.choice is not None and request.choice.kind.is_random
    by_score: list[str | None] = list(cut)
    if ranking is not None and not is_random:
        by_score.append(ranking.model)
    for model in by_score or [None]:
        require_deviations(model, known)
    return [*names, *(f"musiq_{model}_std" for model in dict.fromkeys(by_score))]
