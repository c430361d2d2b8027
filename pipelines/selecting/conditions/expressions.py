"""What a condition consists of, and what is wrong with one, with its place."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

from pipelines.selecting.errors import SelectionError

_BEFORE, _AFTER = "SELECT (", "\n) AS holds FROM rows"


def statement_of(text: str) -> str:
    """Return the statement that answers a condition of the table `rows`: `holds`."""
    return _BEFORE + text + _AFTER


def tree_of(database: duckdb.DuckDBPyConnection, text: str) -> dict[str, Any]:
    """Return what a condition consists of.

    Raises:
      SelectionError: If it is no single expression.
    """
    if not text.strip():
        raise SelectionError(
            "--where is empty: give a condition, such as 'width > 640'"
        )
    if "\0" in text or not _is_unicode(text):
        raise SelectionError(f"{named(text)} has characters that SQL cannot have")
    parsed = _parsed(database, text)
    if parsed["error"] and parsed.get("error_type") == "parser":
        raise told(text, parsed)
    if len(parsed.get("statements", ())) == 1:
        plain = _without_place(_parsed(database, "TRUE")["statements"][0])
        found = _without_place(parsed["statements"][0])
        if found == plain:
            return parsed["statements"][0]["node"]["select_list"][0]
    raise SelectionError(
        f"{named(text)} is more than one expression; --where takes a condition, such "
        "as 'width > 640'"
    )


def nodes_of(node: Any, own: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Yield the parts of an expression, but for names that a lambda gives.

    Args:
      node: An expression, or a part of what tells of it.
      own: Names that lambdas around it have given.
    """
    if isinstance(node, list):
        for one in node:
            yield from nodes_of(one, own)
    if not isinstance(node, dict):
        return
    kind = node.get("class")
    if kind == "LAMBDA":
        own = own | set(_lambda_names(node))
    if kind and not (kind == "COLUMN_REF" and node["column_names"][0] in own):
        yield node
    for one in node.values():
        yield from nodes_of(one, own)


def _lambda_names(node: Mapping[str, Any]) -> Iterator[str]:
    given = node.get("lhs")
    for one in nodes_of(given, frozenset()) if given else ():
        if one["class"] == "COLUMN_REF":
            yield from one["column_names"]


def refused(text: str, why: str, node: Mapping[str, Any]) -> SelectionError:
    """Return the error of a condition with a part that cannot be, and its place."""
    place = _place_of(text, node.get("query_location"))
    return SelectionError(f"{named(text)}: {why}{place}")


def facts_of(error: duckdb.Error) -> dict[str, Any]:
    """Return what DuckDB says of an error, which it ends with JSON."""
    message = str(error)
    try:
        return json.loads(message[message.index("{") :])
    except ValueError:
        return {"exception_message": message}


def told(text: str, facts: Mapping[str, Any]) -> SelectionError:
    """Return an error of DuckDB's as one line, with the place in the condition."""
    message = str(facts.get("exception_message") or facts.get("error_message"))
    message = message.removeprefix("Binder Error: ")
    place = _place_of(text, facts.get("position"))
    return SelectionError(f"{named(text)}: {' '.join(message.split())}{place}")


def named(text: str) -> str:
    """Return a condition as messages name it."""
    return f"--where {text!r}" if _is_unicode(text) else f"--where {text!a}"


def _parsed(database: duckdb.DuckDBPyConnection, text: str) -> dict[str, Any]:
    statement = statement_of(text)
    rows = database.execute("SELECT json_serialize_sql(?)", [statement]).fetchall()
    return json.loads(rows[0][0])


def _without_place(statement: dict[str, Any]) -> str:
    """Return a statement without its one expression and where its parts stand."""
    node = statement["node"]
    of_rows = {
        name: value
        for name, value in node.items()
        if name not in ("select_list", "from_table")
    }
    columns = node.get("select_list", [])
    aliases = [column["alias"] for column in columns]
    table = dict(node.get("from_table") or {})
    table.pop("query_location", None)
    return json.dumps([of_rows, aliases, table], sort_keys=True)


def _place_of(text: str, position: Any) -> str:
    """Return where in a condition DuckDB's position is, in words."""
    try:
        offset = int(position) - len(_BEFORE)
    except (TypeError, ValueError):
        return ""
    encoded = text.encode()
    if offset < 0:
        return ""
    if offset >= len(encoded):
        return " (at its end)"
    return f" (at character {len(encoded[:offset].decode(errors='ignore')) + 1})"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
