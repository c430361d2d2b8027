"""`--dedupe`: near-duplicates among the rows that are still in, but for the best."""

import dataclasses

import numpy as np
import pyarrow as pa

from pipelines.ledger.reader import LedgerReader
from pipelines.selecting.duplicates.drop_duplicates import drop_duplicates
from pipelines.selecting.duplicates.order import falling, ranks_of
from pipelines.selecting.errors import SelectionError
from pipelines.selecting.request import Dedupe
from pipelines.selecting.rows.scan import rows_at, scan
from pipelines.selecting.rows.sieve import Sieve
from schemas.measures import HASH_BYTES

_COLUMNS = ("pdq_hash", "pdq_quality", "width", "height", "size_bytes")
_TYPES = {"pdq_hash": pa.binary(), "pdq_quality": pa.int16()}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class NearDuplicates:
    """The rows that resemble a better one.

    Attributes:
      rows: int64 [n], their places in the ledger's order, ascending.
      kept_by: int64 [n], the place of the kept row that stands for each.
      distance: int16 [n], bits between their hashes.
      identical: How many had the very hash of a better one.
      unmatched: Rows that were compared with none, as their hashes say too little.
      largest_bucket: The most hashes that agreed in one band of bits.
      reason: Number of their reason in the sieve.
    """

    rows: np.ndarray
    kept_by: np.ndarray
    distance: np.ndarray
    identical: int
    unmatched: int
    largest_bucket: int
    reason: int

    def reasons(self, ledger: LedgerReader) -> pa.Array:
        """Return what a list of the rest says of each, with the name of the kept one.

        Raises:
          LedgerFolderError: If a file of the ledger is missing or damaged.
        """
        kept, places = np.unique(self.kept_by, return_inverse=True)
        uris = _uris_at(ledger, kept).take(pa.array(places)).to_pylist()
        told = zip(uris, self.distance.tolist(), strict=True)
        return pa.array(
            [f"near-duplicate of {uri}, {bits} bits apart" for uri, bits in told],
            pa.string(),
        )


def require_hashes(schema: pa.Schema) -> None:
    """Refuse a ledger without hashes.

    Raises:
      SelectionError: If it has none.
    """
    for name, kind in _TYPES.items():
        if name not in schema.names or schema.field(name).type != kind:
            raise SelectionError(
                f"--dedupe compares PDQ hashes, but the ledger has no {name} of them: "
                "run `musiq score` on it again with --measure"
            )


def find_near_duplicates(
    asked: Dedupe,
    ledger: LedgerReader,
    sieve: Sieve,
    scores: np.ndarray,
    *,
    higher_is_better: bool,
) -> NearDuplicates:
    """Remove all rows that resemble a better one, best first, from a sieve.

    Args:
      asked: The distance.
      ledger: Whose rows; it has hashes.
      sieve: Says which rows are in.
      scores: float32 [rows], NaN where there is none: these are the worst.
      higher_is_better: Direction of the scores.

    Raises:
      LedgerFolderError: If a file of the ledger is missing or damaged.
    """
    inside = sieve.inside
    places = np.flatnonzero(inside)
    count = len(places)
    hashes = np.zeros((count, HASH_BYTES), np.uint8)
    quality = np.zeros(count, np.int16)
    pixels, sizes = np.empty(count), np.empty(count)
    start = 0
    for _, table in scan(ledger, _COLUMNS, wanted=inside):
        part = slice(start, start + table.num_rows)
        hashes[part] = _hashes_of(table.column("pdq_hash"))
        quality[part] = table.column("pdq_quality").fill_null(0).to_numpy()
        width, height = falling(table.column("width")), falling(table.column("height"))
        pixels[part] = -width * height
        sizes[part] = falling(table.column("size_bytes"))
        start = part.stop
    chosen = scores[places].astype(np.float64)
    order = ranks_of(
        [
            np.nan_to_num(-chosen if higher_is_better else chosen, nan=np.inf),
            pixels,
            sizes,
        ],
        lambda rows: _uris_at(ledger, places[rows]),
    )
    found = drop_duplicates(hashes, quality, order, bits=asked.bits)
    [dropped] = np.nonzero(~found.is_kept)
    reason = sieve.reason(asked.text, "a near-duplicate of a better photo")
    sieve.codes[places[dropped]] = reason
    return NearDuplicates(
        rows=places[dropped],
        kept_by=places[found.kept_by[dropped]],
        distance=found.distance[dropped],
        identical=found.identical,
        unmatched=found.unmatched,
        largest_bucket=found.largest_bucket,
        reason=reason,
    )


def _hashes_of(column: pa.ChunkedArray) -> np.ndarray:
    """Return hashes as uint8 [n, 32]; nulls are zeros."""
    data = b"".join(one or bytes(HASH_BYTES) for one in column.to_pylist())
    return np.frombuffer(data, np.uint8).reshape(-1, HASH_BYTES)


def _uris_at(ledger: LedgerReader, places: np.ndarray) -> pa.ChunkedArray:
    """Return the URIs of rows whose places ascend."""
    wanted = np.zeros(ledger.row_count, bool)
    wanted[places] = True
    return rows_at(ledger, wanted, ["uri"]).column("uri")
