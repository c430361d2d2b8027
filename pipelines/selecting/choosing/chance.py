"""Chance that is the same everywhere: numbers that follow from a seed and a name."""

import numpy as np

from pipelines.ledger.reader import LedgerReader
from pipelines.selecting.conditions.locked_duckdb import locked_duckdb
from pipelines.selecting.rows.scan import scan


def random_keys(ledger: LedgerReader, wanted: np.ndarray, *, seed: int) -> np.ndarray:
    """Return a number of chance for each wanted row.

    It is the first four bytes of the MD5 of `SEED/URI`, the first one the least.

    They do not depend on other rows, on files or on their order, so a sample of a
    ledger that has grown keeps most of its photos.

    Args:
      ledger: Whose rows.
      wanted: bool [rows].
      seed: Of chance.

    Returns:
      uint32 [wanted rows], in the ledger's order.
    """
    database = locked_duckdb()
    keys = np.empty(np.count_nonzero(wanted), np.uint32)
    start = 0
    for _, table in scan(ledger, ["uri"], wanted=wanted):
        database.register("rows", table)
        found = database.sql(
            f"SELECT (md5_number('{int(seed)}/' || uri) & 4294967295)::UINTEGER AS key "
            "FROM rows"
        ).to_arrow_table()
        database.unregister("rows")
        keys[start : start + len(found)] = found.column("key").to_numpy()
        start += len(found)
    return keys
