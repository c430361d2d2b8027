"""The rows of a small ledger as a table, best score first."""

from typing import Any

import rich.console
import rich.table
import rich.text

from pipelines.ledger.reader import LedgerReader
from schemas.text import printable


def best_first(ledger: LedgerReader) -> list[dict[str, Any]]:
    """Return keys, scores and failures, best score of the first model first.

    Raises:
      LedgerFolderError: If a file is missing or damaged.
      StorageError: If the store does not answer.
    """
    scores = [f"musiq_{name}" for name in ledger.models]
    rows = ledger.table(["key", "failure", *scores]).to_pylist()

    def place(row: dict[str, Any]) -> tuple[bool, float, str]:
        score = row[scores[0]]
        return score is None, -(score or 0), row["key"]

    return sorted(rows, key=place)


def show_scores(ledger: LedgerReader) -> None:
    """Print a table of rows, failed ones with their reason."""
    table = rich.table.Table()
    table.add_column("photo", overflow="fold")
    for name in ledger.models:
        table.add_column(f"musiq_{name}", justify="right")
    for row in best_first(ledger):
        scores = [row[f"musiq_{name}"] for name in ledger.models]
        cells = [
            str(row["failure"]) if score is None else f"{score:.3f}" for score in scores
        ]
        table.add_row(rich.text.Text(printable(row["key"])), *cells)
    rich.console.Console().print(table)
