"""Rows of a Parquet file in another order, sorted on disk where memory is short."""

import tempfile
from collections.abc import Iterator

import duckdb
import pyarrow as pa

_MEMORY = "512MB"
_BATCH_ROWS = 10_000


def sorted_rows(path: str, order: str) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a local Parquet file, sorted; text by its bytes.

    Args:
      path: The file.
      order: What follows `ORDER BY`; a total order gives the same rows every time.
    """
    with tempfile.TemporaryDirectory(prefix="musiq-") as folder:
        settings = {
            "memory_limit": _MEMORY,
            "temp_directory": folder,
            "threads": 2,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        with duckdb.connect(config=settings) as database:
            rows = database.read_parquet(path).order(order)
            yield from rows.to_arrow_reader(_BATCH_ROWS)
