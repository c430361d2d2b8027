"""The programs that data teams run: Beam and files at the edge of `musiq_core`.

For other people's Python: `open_ledger` reads what `musiq score` has written, and
`ScoreImages` scores images inside a Beam pipeline of theirs.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.ledger.reader import LedgerReader, open_ledger
    from pipelines.scoring.score_images import ScoreImages

__all__ = ["LedgerReader", "ScoreImages", "open_ledger"]

_HOMES = {
    "LedgerReader": "pipelines.ledger.reader",
    "ScoreImages": "pipelines.scoring.score_images",
    "open_ledger": "pipelines.ledger.reader",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: programs start light."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
