"""Percentiles of the photos that a model was evaluated on, from its card."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from pipelines.ledger.reader import LedgerReader
from pipelines.selecting.errors import SelectionError
from pipelines.storage import StorageError

_QUANTILES = "score_quantiles"


def card_percentile(model: str, ledger: LedgerReader, percentile: Fraction) -> float:
    """Return a percentile of the scores that a model's card tells of.

    The card is that of the very file that scored.

    Args:
      model: Its name in the ledger.
      ledger: Whose commit says where the model's file lies.
      percentile: In percent; one of those that the card has.

    Raises:
      SelectionError: If the file cannot be read or is another one by now, or its card
        does not tell that percentile.
    """
    # Reading models takes seconds to import, and few ask for it.
    from pipelines.models.read import load_model

    uri, digest = ledger.models[model]["uri"], ledger.models[model]["digest"]
    try:
        loaded = load_model(uri)
    except StorageError as error:
        raise SelectionError(f"the card of {model} cannot be read: {error}") from error
    if loaded.digest != digest:
        raise SelectionError(
            f"the card of {model} cannot be asked: {uri} is not the file that made "
            "these scores"
        )
    found = next(_quantiles_in(loaded.card.evaluation), None)
    if not found:
        raise SelectionError(f"the card of {model} tells no percentiles of its scores")
    known = {Fraction(level) * 100: value for level, value in found.items()}
    if percentile not in known:
        told = ", ".join(f"p{float(one):g}" for one in sorted(known))
        raise SelectionError(
            f"the card of {model} does not tell p{float(percentile):g}; it tells {told}"
        )
    return float(known[percentile])


def _quantiles_in(evaluation: Mapping[str, Any]) -> Iterator[Mapping[str, float]]:
    """Yield the quantiles in an evaluation, those of several splits by name."""
    if _QUANTILES in evaluation:
        yield evaluation[_QUANTILES]
    for name in sorted(evaluation):
        if isinstance(evaluation[name], Mapping) and name != _QUANTILES:
            yield from _quantiles_in(evaluation[name])
