"""A list as CSV that a spreadsheet opens without running what a file's name says.

A text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return is a formula to
spreadsheets: it gets an apostrophe in front. So does a text that has apostrophes before
such a character, so that the reader who takes one away has every text as it was.

Source: OWASP, CSV Injection.
"""

from collections.abc import Iterable
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from pipelines.scoring.carried.arrow_types import is_textual
from pipelines.scoring.carried.as_text import texts

_STARTS = pc.MatchSubstringOptions(r"^'*[=+\-@\t\r]")


def write_csv(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, file: BinaryIO
) -> int:
    """Write rows under a header and return how many there are.

    Texts are quoted, numbers are not, and nothing at all stands for null. Times are as
    ISO 8601 has them, bytes as base64, lists and structs as JSON.
    """
    types = [field.type if _is_plain(field.type) else pa.string() for field in schema]
    names = defused(pa.array(schema.names, pa.string())).to_pylist()
    written = pa.schema(list(zip(names, types, strict=True)))
    options = pa_csv.WriteOptions(quoting_style="needed")
    count = 0
    with pa_csv.CSVWriter(file, written, write_options=options) as writer:
        for batch in batches:
            columns = [_column(column) for column in batch.columns]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=written))
            count += batch.num_rows
    return count


def defused(column: pa.Array) -> pa.Array:
    """Return texts of which none is a formula."""
    is_formula = pc.call_function("match_substring_regex", [column], _STARTS)
    marked = pc.call_function("binary_join_element_wise", ["'", column, ""])
    return pc.call_function("if_else", [is_formula, marked, column])


def _column(column: pa.Array) -> pa.Array:
    if _is_plain(column.type):
        return column
    if not is_textual(column.type):
        column = pa.array(texts(column), pa.string())
    return defused(column.cast(pa.string()))


def _is_plain(data_type: pa.DataType) -> bool:
    types = pa.types
    return (
        types.is_integer(data_type)
        or types.is_floating(data_type)
        or types.is_boolean(data_type)
    )
