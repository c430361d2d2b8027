"""The reading of a ledger that decides: conditions, scores and groups of its rows."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ledger.reader import LedgerReader
from pipelines.selecting.choosing.group_codes import GroupCodes
from pipelines.selecting.conditions.predicates import Predicates
from pipelines.selecting.rows.scan import scan
from pipelines.selecting.rows.sieve import FAILED, VANISHED, Sieve
from schemas.ledger import Status


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Gathered:
    """What is in memory of a ledger.

    Attributes:
      values: float32 [rows] of each numeric column that was asked for, NaN where it is
        null.
      groups: The groups that rows are in; None without any.
      codes: int32 [rows], the number of each row's group, -1 of rows without scores.
    """

    values: dict[str, np.ndarray]
    groups: GroupCodes | None
    codes: np.ndarray | None


def gather(
    ledger: LedgerReader,
    sieve: Sieve,
    predicates: Predicates,
    *,
    values: Sequence[str],
    groups: GroupCodes | None,
) -> Gathered:
    """Read a ledger once, let conditions remove rows, and keep what the rest needs.

    Args:
      ledger: Whose rows.
      sieve: Of as many rows; it learns of rows that vanished, failed, or do not meet a
        condition.
      predicates: The conditions; each is answered of rows that met those before it.
      values: Names of float columns to be kept.
      groups: Numbers the groups of rows with scores.

    Raises:
      LedgerFolderError: If a file is missing or damaged.
      SelectionError: If a condition cannot be answered, or there are too many groups.
    """
    per = () if groups is None else groups.columns
    in_conditions = {name for names in predicates.columns for name in names}
    text = [name for name in ("status", *per) if name not in in_conditions]
    columns = dict.fromkeys(("status", "vanished", *values, *per, *in_conditions))
    gone = sieve.reason(VANISHED, "vanished")
    failed = sieve.reason(FAILED, "failed")
    not_met = [
        (sieve.reason(f"--where {one}", f"not {one}"), _null_reason(sieve, one))
        for one in predicates.texts
    ]
    kept = {name: np.full(len(sieve.codes), np.nan, np.float32) for name in values}
    codes = np.full(len(sieve.codes), -1, np.int32) if per else None
    for span, table in scan(ledger, list(columns), as_codes=text):
        here = sieve.codes[span]
        here[~_is(table.column("status"), Status.SCORED.value)] = failed
        here[_is(table.column("vanished"), True)] = gone
        for name in values:
            kept[name][span] = table.column(name).to_numpy()
        if groups is not None and codes is not None:
            scored = here == 0
            codes[span][scored] = groups.codes(_only(table.select(per), scored))
        for index, (is_false, is_null) in enumerate(not_met):
            inside = here == 0
            names = predicates.columns[index] or ["status"]
            asked = _only(table.select(names), inside)
            holds, unknown = predicates.holds(index, asked)
            answers = np.where(unknown, is_null, np.where(holds, 0, is_false))
            here[inside] = answers
    return Gathered(values=kept, groups=groups, codes=codes)


def _null_reason(sieve: Sieve, condition: str) -> int:
    return sieve.reason(
        f"--where {condition}", f"null, neither true nor not: {condition}"
    )


def _is(column: pa.ChunkedArray, value: object) -> np.ndarray:
    """Whether each value is this one; null is not."""
    found = pc.call_function("equal", [column, pa.scalar(value)])
    return found.fill_null(False).to_numpy()


def _only(table: pa.Table, rows: np.ndarray) -> pa.Table:
    return table if rows.all() else table.filter(pa.array(rows))
