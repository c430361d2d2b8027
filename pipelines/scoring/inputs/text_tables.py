"""Rows of CSV, TSV and JSON lines; what is no such row is told with its number."""

import csv
import json
from collections.abc import Iterator, Sequence
from typing import Any

from pipelines.scoring.input import InputError
from pipelines.scoring.inputs.manifest_names import PACKED
from pipelines.scoring.inputs.text_lines import read_lines

_MAX_FIELD_CHARACTERS = 2**28
_CURES = {
    True: "TSV has no tabs or line breaks in values",
    False: "quote values that hold separators",
}


def read_table(uri: str, kind: str) -> Iterator[list[str]]:
    """Yield the rows of a CSV or TSV file, the header first; all are as long as it.

    In CSV a value may be quoted, with line breaks in it; in TSV whatever stands between
    tabs is the value. Empty lines are no rows.

    Raises:
      InputError: If a row is none, naming it.
      StorageError: If the store fails.
    """
    is_tsv = PACKED.sub("", uri).lower().endswith(".tsv")
    rows = _read_tsv(uri, kind) if is_tsv else _read_csv(uri, kind)
    header: Sequence[str] | None = None
    for number, (line, row) in enumerate(rows):
        header = header or row
        if len(row) != len(header):
            raise InputError(
                f"{kind} {uri}: row {number} (line {line}) has {len(row)} values where "
                f"the header has {len(header)}; {_CURES[is_tsv]}"
            )
        yield row
    if header is None:
        raise InputError(f"{kind} {uri} cannot be read: it is empty, without a header")


def read_objects(uri: str, kind: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a file of JSON lines, with their lines' numbers.

    Raises:
      InputError: If a line is no object, or names something twice.
      StorageError: If the store fails.
    """
    for number, line in enumerate(read_lines(uri, kind, newline="\n"), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line, object_pairs_hook=_distinct)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{kind} {uri}: line {number} is no JSON object ({error}); write one "
                "object a line"
            ) from error
        if not isinstance(found, dict):
            raise InputError(
                f"{kind} {uri}: line {number} is no JSON object; write one a line"
            )
        yield number, found


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it names {twice!r} twice")
    return found


def _read_tsv(uri: str, kind: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(read_lines(uri, kind, newline="\n"), 1):
        row = line.removesuffix("\n").removesuffix("\r")
        if row:
            yield number, row.split("\t")


def _read_csv(uri: str, kind: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows with the lines that they begin in."""
    csv.field_size_limit(max(_MAX_FIELD_CHARACTERS, csv.field_size_limit()))
    reader = csv.reader(read_lines(uri, kind, newline=""), strict=True)
    count = 0
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise InputError(
                f"{kind} {uri}: row {count} (line {line}) {_reason(error)}; double "
                "quotes that belong to a value, and quote it"
            ) from error
        if row is None:
            return
        if row:
            yield line, row
            count += 1


def _reason(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return "opens a quote that is never closed"
    if "field larger" in text:
        return (
            f"has a value of more than {_MAX_FIELD_CHARACTERS} characters, or opens "
            "a quote that is never closed"
        )
    if "expected after" in text:
        return "has text behind the closing quote of a value"
    return f"cannot be read ({text})"
