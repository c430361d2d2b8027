"""What must hold of a published ledger, checked from its files."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from pipelines.ledger.errors import LedgerFolderError
from pipelines.ledger.reader import LedgerReader
from schemas.ledger import RESERVED_COLUMNS, Status, shard_of
from schemas.manifest import LedgerFile


def verify_ledger(ledger: LedgerReader) -> list[str]:
    """Return everything that is wrong with a published state, one line each.

    Its own counts were checked when it was opened.
    """
    problems: list[str] = []
    failures: Counter[str] = Counter()
    schemas: set[pa.Schema] = set()
    rows = vanished = 0
    for file in ledger.files():
        try:
            table = ledger.read_file(file)
        except (LedgerFolderError, pa.ArrowInvalid) as error:
            problems.append(f"{file.path}: {error}")
            continue
        if found := list(_problems_of(table, file, ledger)):
            problems += [f"{file.path}: {problem}" for problem in found]
            continue
        failures.update(table.column("failure").drop_null().to_pylist())
        schemas.add(table.schema)
        rows += table.num_rows
        vanished += table.column("vanished").to_pylist().count(True)
    if problems:
        return problems
    if len(schemas) > 1:
        problems.append("the files do not have one schema")
    counts = ledger.counts
    if vanished != counts.vanished:
        problems.append(
            f"{vanished} rows are marked as vanished, but the commit says "
            f"{counts.vanished}"
        )
    if rows - counts.vanished != counts.listed:
        told = f" and {counts.vanished} vanished" if counts.vanished else ""
        problems.append(f"{rows} rows, but {counts.listed} inputs were listed{told}")
    if failures != ledger.failures:
        problems.append("the failed rows are not those that the commit counts")
    return problems


def _problems_of(
    table: pa.Table, file: LedgerFile, ledger: LedgerReader
) -> Iterator[str]:
    """Yield what is wrong with one file of the right digest."""
    missing = sorted(RESERVED_COLUMNS - set(table.schema.names))
    missing += [n for n in _score_columns(ledger) if n not in table.schema.names]
    if missing:
        yield f"it has no column {', '.join(missing)}"
        return
    if table.num_rows != file.rows:
        yield f"{table.num_rows} rows, but the commit says {file.rows}"
    uris = table.column("uri").to_pylist()
    repeated = [uri for uri, count in Counter(uris).items() if count > 1]
    if repeated:
        yield f"{len(repeated)} inputs have several rows, such as {repeated[0]!r}"
    # A URI decides its shard, so no URI can be in two files if all are in their own.
    stray = [u for u in uris if shard_of(u, ledger.shard_count) != file.shard]
    if stray:
        yield f"{len(stray)} rows belong to another shard, such as {stray[0]!r}"
    yield from _wrong_scores(table, ledger)


def _wrong_scores(table: pa.Table, ledger: LedgerReader) -> Iterator[str]:
    """Yield where scores contradict the row's status, or the commit's models."""
    is_scored = [s == Status.SCORED for s in table.column("status").to_pylist()]
    has_reason = table.column("failure").is_valid().to_pylist()
    if any(s == r for s, r in zip(is_scored, has_reason, strict=True)):
        yield "a row is neither scored nor failed with a reason, or is both"
    for name, model in ledger.models.items():
        column = table.column(f"musiq_{name}")
        if column.is_valid().to_pylist() != is_scored:
            yield f"musiq_{name} is not there for all scored rows, and for no others"
        if not np.isfinite(column.drop_null().to_numpy()).all():
            yield f"musiq_{name} has a score that is not finite"
        digests = set(table.column(f"musiq_{name}_model").drop_null().to_pylist())
        if digests - {model["digest"]}:
            yield f"musiq_{name} has scores of another model file"


def _score_columns(ledger: LedgerReader) -> list[str]:
    return [
        column
        for name in ledger.models
        for column in (f"musiq_{name}", f"musiq_{name}_model")
    ]
