"""Conditions in SQL, which DuckDB answers for rows that it is handed: nothing else.

An expression is looked at before it runs: only columns of the ledger, constants and
functions of them may stand in it, none whose result changes with time or chance. So the
same ledger and the same text give the same rows.
"""

import difflib
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.selecting.conditions.expressions import (
    facts_of,
    named,
    nodes_of,
    refused,
    statement_of,
    told,
    tree_of,
)
from pipelines.selecting.conditions.locked_duckdb import locked_duckdb
from pipelines.selecting.errors import SelectionError

_ALLOWED = {
    *("CONSTANT", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "OPERATOR", "BETWEEN"),
    *("FUNCTION", "CASE", "CAST", "TYPE", "COLLATE", "LAMBDA"),
}
_REFUSED = {
    "SUBQUERY": "a query within it",
    "WINDOW": "a window function",
    "STAR": "*",
    "PARAMETER": "a parameter",
}
# Functions that DuckDB calls consistent within a query are of dates in a time zone,
# which is fixed here, and these.
_CHANGING = {
    *("now", "today", "ago", "transaction_timestamp", "txid_current", "getvariable"),
    *("in_search_path", "current_setting"),
}
_MACROS = {"nullif", "if", "split_part", "fdiv", "date_add", "days_in_month"}


class Predicates:
    """Conditions over the columns of a ledger, each looked at once and then answered.

    Attributes:
      texts: The conditions as they were given.
      columns: Of each condition the columns that it names, in the ledger's order.
    """

    def __init__(
        self, texts: Sequence[str], schema: pa.Schema, *, threads: int | None = None
    ):
        """Look at the conditions.

        Args:
          texts: SQL expressions that are true, false or null of a row.
          schema: Columns of the ledger.
          threads: Of DuckDB; by default one a core.

        Raises:
          SelectionError: If one is no such expression; with the place in it.
        """
        self.texts = tuple(texts)
        self.columns: tuple[list[str], ...] = ()
        if texts:
            self._database = locked_duckdb(threads)
            self.columns = tuple(self._look_at(text, schema) for text in texts)

    def holds(self, index: int, table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
        """Answer one condition for rows.

        Args:
          index: Of the condition.
          table: Rows with its columns; others may be there.

        Returns:
          Of each row, bool [rows]: whether it holds, and whether the answer is null.

        Raises:
          SelectionError: If it cannot be answered for these values.
        """
        text = self.texts[index]
        asked = table.select(self.columns[index]) if self.columns[index] else table
        found = self._run(text, asked).column("holds")
        if len(found) != table.num_rows:
            raise SelectionError(f"{named(text)} is no condition of single rows")
        is_null = found.is_null().to_numpy()
        return found.cast(pa.bool_()).fill_null(False).to_numpy(), is_null

    def _run(self, text: str, table: pa.Table) -> pa.Table:
        self._database.register("rows", table)
        try:
            return self._database.sql(statement_of(text)).to_arrow_table()
        except duckdb.Error as error:
            raise told(text, facts_of(error)) from error
        finally:
            self._database.unregister("rows")

    def _look_at(self, text: str, schema: pa.Schema) -> list[str]:
        """Return the columns that a condition names.

        Raises:
          SelectionError: If it is anything but a condition of one row.
        """
        tree = tree_of(self._database, text)
        used: set[str] = set()
        for node in nodes_of(tree, frozenset()):
            self._require_allowed(text, node)
            if node["class"] == "COLUMN_REF":
                used.add(_column_of(text, node, schema.names))
        columns = [name for name in schema.names if name in used]
        fields = [schema.field(name) for name in columns]
        fields = fields or [pa.field("none", pa.bool_())]
        answer = self._run(text, pa.schema(fields).empty_table())
        kind = answer.schema.field("holds").type
        if kind not in (pa.bool_(), pa.null()):
            raise SelectionError(
                f"{named(text)} gives {kind}, not true or false: compare it with "
                "something"
            )
        return columns

    def _require_allowed(self, text: str, node: Mapping[str, Any]) -> None:
        """Refuse what is no function of one row, the same at any time."""
        kind = node["class"]
        if kind not in _ALLOWED:
            what = _REFUSED.get(kind, kind.lower().replace("_", " "))
            raise refused(text, f"{what} is not allowed in a condition", node)
        if kind != "FUNCTION":
            return
        name = str(node["function_name"]).lower()
        if node.get("schema") or node.get("catalog"):
            raise refused(text, f"{name}() is named with a schema", node)
        known = _functions()
        if name not in known:
            close = _nearest(name, known)
            raise refused(text, f"there is no function {name}(){close}", node)
        if not _is_of_one_row(name, known[name]):
            raise refused(
                text, f"{name}() is no function of the values of one row", node
            )
        is_age_now = name == "age" and len(node.get("arguments", ())) == 1
        if name in _CHANGING or "current_" in name or is_age_now:
            raise refused(
                text,
                f"{name}() gives another result every time: write the value itself",
                node,
            )


@functools.cache
def _functions() -> dict[str, set[str]]:
    """Return what kinds of function bear each name."""
    found = (
        locked_duckdb()
        .sql("SELECT function_name, function_type, stability FROM duckdb_functions()")
        .fetchall()
    )
    functions: dict[str, set[str]] = {}
    for name, kind, stability in found:
        of_name = functions.setdefault(name.lower(), set())
        of_name.add("volatile" if stability == "VOLATILE" else kind)
    return functions


def _is_of_one_row(name: str, kinds: set[str]) -> bool:
    if kinds & {"volatile", "aggregate", "pragma"}:
        return False
    is_macro = name in _MACROS or name.startswith(("list_", "array_", "md5_number_"))
    return "scalar" in kinds or ("macro" in kinds and is_macro)


def _column_of(text: str, node: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return the ledger's column that a part of a condition names.

    Raises:
      SelectionError: If there is none; with the names that are most alike.
    """
    parts = node["column_names"]
    of_lower = {name.lower(): name for name in reversed(names)}
    for part in parts[:2] if parts[0] == "rows" else parts[:1]:
        if part in names:
            return part
        if part.lower() in of_lower:
            return of_lower[part.lower()]
    name = parts[0]
    hint = _nearest(name, names) or "; text stands in single quotes, 'like this'"
    raise refused(text, f"the ledger has no column {name!r}{hint}", node)


def _nearest(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    """Return `, did you mean X or Y?` for the known names most alike, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f", did you mean {' or '.join(close)}?" if close else ""
