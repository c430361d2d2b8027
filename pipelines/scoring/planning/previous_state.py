"""The ledger as last published, and what it knows of its rows."""

import contextlib
import dataclasses
import functools

import numpy as np
import pyarrow as pa

from pipelines.ledger.errors import LedgerFolderError
from pipelines.ledger.files import read_ledger_file
from schemas.ledger import ledger_schema, shard_of
from schemas.manifest import LedgerFile

_DECIDING = ("uri", "generation", "size_bytes", "status", "transient")
_NO_ROWS = ledger_schema((), ()).empty_table()
_FILES_HELD = 4


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


class KnownRows:
    """The rows of the ledger as last published, part by part.

    Rows of a ledger that is not reusable never hold, but tell what was published and
    what has failed; a file of it that is damaged tells nothing, as it is replaced.
    """

    def __init__(
        self,
        previous: PreviousState | None,
        part_count: int,
        *,
        with_digest: bool = False,
    ):
        """Take up a ledger.

        Args:
          previous: The ledger; None if there is none yet.
          part_count: Parts that its rows are divided into by their URIs, a power of two
            of at least its shards: a file holds one part or several.
          with_digest: Whether rows are to have the digests of their images.
        """
        self._previous = previous
        self._part_count = part_count
        self._columns = known_columns(with_digest=with_digest)
        self._table = functools.lru_cache(_FILES_HELD)(self._read)

    def of(self, part: int) -> dict[str, KnownRow]:
        """Return the rows of one part by URI.

        Raises:
          LedgerFolderError: If a file of a reusable ledger is missing or damaged.
        """
        if self._previous is None:
            return {}
        known: dict[str, KnownRow] = {}
        for file in previous_files(self._previous, part, self._part_count):
            table, parts = self._table(file)
            known |= known_rows(table.filter(pa.array(parts == part)))
        return known

    def _read(self, file: LedgerFile) -> tuple[pa.Table, np.ndarray]:
        """Return what is to be known of a file's rows, and which part each is of."""
        assert self._previous is not None
        ledger, columns = self._previous.ledger, self._columns
        table = _NO_ROWS.select(columns)
        if self._previous.is_reusable:
            table = read_ledger_file(ledger, file, columns)
        else:
            with contextlib.suppress(LedgerFolderError):
                table = _never_holding(read_ledger_file(ledger, file, columns))
        if self._part_count == self._previous.shard_count:
            return table, np.full(table.num_rows, file.shard)
        uris = table.column("uri").to_pylist()
        parts = (shard_of(uri, self._part_count) for uri in uris)
        return table, np.fromiter(parts, np.int64, len(uris))


def _never_holding(table: pa.Table) -> pa.Table:
    """Return rows without the generations by which they would hold."""
    place = table.schema.get_field_index("generation")
    field = table.schema.field(place)
    return table.set_column(place, field, pa.nulls(table.num_rows, field.type))
