"""The ledger as last published, and what it knows of its rows."""

import contextlib
import dataclasses

import pyarrow as pa

from pipelines.ledger.folder import LedgerFolderError, read_ledger_file
from schemas.manifest import LedgerFile

_DECIDING = ("uri", "generation", "size_bytes", "status", "transient")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreviousState:
    """The ledger as last published.

    Attributes:
      ledger: The ledger's folder.
      shard_count: Shards that its rows are divided into by their URIs.
      files: One for each shard that has rows.
      vanished: Rows in them whose photos were no longer named even then.
      is_reusable: Whether the same models and settings made it, so that rows of it can
        be taken over.
    """

    ledger: str
    shard_count: int
    files: tuple[LedgerFile, ...]
    vanished: int = 0
    is_reusable: bool = True

    @property
    def rows(self) -> int:
        """All its rows."""
        return sum(file.rows for file in self.files)

    @property
    def named(self) -> int:
        """Its rows of photos that its run's inputs named."""
        return self.rows - self.vanished


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class KnownRow:
    """What decides whether a row of the ledger still holds.

    Attributes:
      generation: Of the file that was read; None of a row that never holds.
      size_bytes: Size of the image.
      status: Scored or failed.
      transient: Whether trying again may help.
      sha256: Digest of the image; None where it is not asked for.
    """

    generation: str | None
    size_bytes: int | None
    status: str
    transient: bool | None
    sha256: str | None = None


def known_columns(*, with_digest: bool = False) -> list[str]:
    """Return the columns that `KnownRow` is made of, the URI first."""
    return [*_DECIDING, "sha256"] if with_digest else [*_DECIDING]


def known_rows(table: pa.Table) -> dict[str, KnownRow]:
    """Return the rows of a table of `known_columns` by URI."""
    names = table.schema.names[1:]
    uris, *columns = (column.to_pylist() for column in table.columns)
    return {
        uri: KnownRow(**dict(zip(names, values, strict=True)))
        for uri, *values in zip(uris, *columns, strict=True)
    }


def previous_files(
    previous: PreviousState, shard: int, shard_count: int
) -> list[LedgerFile]:
    """Return the files that hold the rows of shard `shard` of `shard_count`."""
    common = min(shard_count, previous.shard_count)
    return [f for f in previous.files if f.shard % common == shard % common]


def read_known_rows(
    previous: PreviousState, shard: int, *, with_digest: bool = False
) -> dict[str, KnownRow]:
    """Return the rows of one shard of the ledger by URI.

    Those of a ledger that is not reusable never hold, but tell what was published and
    what has failed; a file of it that is damaged tells nothing, as it is replaced.

    Raises:
      LedgerFolderError: If a file of a reusable ledger is missing or damaged.
    """
    known: dict[str, KnownRow] = {}
    for file in previous_files(previous, shard, previous.shard_count):
        if previous.is_reusable:
            columns = known_columns(with_digest=with_digest)
            known |= known_rows(read_ledger_file(previous.ledger, file, columns))
        else:
            with contextlib.suppress(LedgerFolderError):
                known |= _rows_to_replace(previous, file)
    return known


def _rows_to_replace(previous: PreviousState, file: LedgerFile) -> dict[str, KnownRow]:
    table = read_ledger_file(previous.ledger, file, ["uri", "status"])
    never_holds = {"generation": None, "size_bytes": None, "transient": None}
    uris, statuses = (column.to_pylist() for column in table.columns)
    return {
        uri: KnownRow(status=status, **never_holds)
        for uri, status in zip(uris, statuses, strict=True)
    }
