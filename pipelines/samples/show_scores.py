"""The rows of a small ledger as a table, best score first.

python -m pipelines.samples.show_scores LEDGER
"""

import sys

import pyarrow as pa
import rich.console
import rich.table
import rich.text

from pipelines.ledger.folder import (
    LedgerFolderError,
    newest_manifest_number,
    read_ledger_file,
    read_manifest,
)
from pipelines.storage import resolve
from schemas.errors import MusiqError
from schemas.text import printable


def read_rows(ledger: str) -> tuple[list[str], list[dict]]:
    """Return the names of a ledger's models and its rows, best score first.

    Raises:
      LedgerFolderError: If nothing was published there, or a file is damaged.
      StorageError: If the store does not answer.
    """
    number = newest_manifest_number(ledger)
    if not number:
        raise LedgerFolderError(f"{ledger} holds no published ledger")
    manifest = read_manifest(ledger, number)
    models = list(manifest.models)
    columns = ["key", "status", "failure", *(f"musiq_{name}" for name in models)]
    tables = [read_ledger_file(ledger, file, columns) for file in manifest.files]
    rows = pa.concat_tables(tables).to_pylist()

    def best_first(row: dict) -> tuple:
        score = row[f"musiq_{models[0]}"]
        return (score is None, -(score or 0), row["key"])

    return models, sorted(rows, key=best_first)


def show_rows(models: list[str], rows: list[dict]) -> None:
    """Print a table of rows, failed ones with their reason."""
    table = rich.table.Table()
    table.add_column("photo", overflow="fold")
    for name in models:
        table.add_column(f"musiq_{name}", justify="right")
    for row in rows:
        scores = [row[f"musiq_{name}"] for name in models]
        cells = [
            str(row["failure"]) if score is None else f"{score:.3f}" for score in scores
        ]
        table.add_row(rich.text.Text(printable(row["key"])), *cells)
    rich.console.Console().print(table)


def main() -> int:
    """Show the ledger that the one argument names."""
    if len(sys.argv) != 2:
        print("usage: python -m pipelines.samples.show_scores LEDGER", file=sys.stderr)
        return 2
    try:
        show_rows(*read_rows(resolve(sys.argv[1], base=None)))
    except MusiqError as error:
        print(f"show_scores: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
