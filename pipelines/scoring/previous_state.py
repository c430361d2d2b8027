"""The ledger as last published, and what it knows of its rows."""

import dataclasses

from pipelines.ledger.folder import read_ledger_file
from schemas.manifest import LedgerFile

KNOWN_COLUMNS = ["uri", "generation", "size_bytes", "status", "transient"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreviousState:
    """The ledger as last published, by the same models and settings.

    Attributes:
      ledger: The ledger's folder.
      shard_count: Shards that its rows are divided into by their URIs.
      files: One for each shard that has rows.
    """

    ledger: str
    shard_count: int
    files: tuple[LedgerFile, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class KnownRow:
    """What decides whether a row of the ledger still holds."""

    generation: str | None
    size_bytes: int | None
    status: str
    transient: bool | None


def previous_files(
    previous: PreviousState, shard: int, shard_count: int
) -> list[LedgerFile]:
    """Return the files that hold the rows of shard `shard` of `shard_count`."""
    common = min(shard_count, previous.shard_count)
    return [f for f in previous.files if f.shard % common == shard % common]


def count_known_rows(previous: PreviousState | None, shard: int) -> int:
    """Return how many rows `read_known_rows` would give, without reading them."""
    if previous is None:
        return 0
    files = previous_files(previous, shard, previous.shard_count)
    return sum(file.rows for file in files)


def read_known_rows(previous: PreviousState, shard: int) -> dict[str, KnownRow]:
    """Return the rows of one shard of the ledger by URI."""
    known = {}
    for file in previous_files(previous, shard, previous.shard_count):
        table = read_ledger_file(previous.ledger, file, KNOWN_COLUMNS)
        columns = (table.column(name).to_pylist() for name in KNOWN_COLUMNS)
        for uri, generation, size_bytes, status, transient in zip(
            *columns, strict=True
        ):
            known[uri] = KnownRow(
                generation=generation,
                size_bytes=size_bytes,
                status=status,
                transient=transient,
            )
    return known
