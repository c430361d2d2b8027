"""The programs that data teams run: Beam and files at the edge of `musiq_core`.

For other people's Python: `open_ledger` reads what `musiq score` has written, and
selects from it; `ScoreImages` scores images inside a Beam pipeline of theirs.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.ledger.reader import LedgerReader
    from pipelines.scoring.score_images import ScoreImages
    from pipelines.selecting.ledger import Ledger, open_ledger
    from pipelines.selecting.selection import Selection

__all__ = ["Ledger", "LedgerReader", "ScoreImages", "Selection", "open_ledger"]

_HOMES = {
    "Ledger": "pipelines.selecting.ledger",
    "LedgerReader": "pipelines.ledger.reader",
    "ScoreImages": "pipelines.scoring.score_images",
    "Selection": "pipelines.selecting.selection",
    "open_ledger": "pipelines.selecting.ledger",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: programs start light."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
