"""What a commit says of a file's rows, so that engines need not open the file."""

# PyArrow has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownArgumentType=false

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_MAX_CHARACTERS = 256
_LAST_CHARACTER = "\U0010ffff"


def file_stats(table: pa.Table, columns: Sequence[str]) -> str:
    """Return the statistics of a file as JSON.

    Long texts are cut: the least to a shorter one, which is less still, and the
    greatest likewise, with the last character there is behind it.

    Args:
      table: The rows of the file.
      columns: Texts and numbers to tell the least and the greatest of, and how many
        are null; those that the table has not are passed over.
    """
    least: dict[str, Any] = {}
    greatest: dict[str, Any] = {}
    nulls: dict[str, int] = {}
    for name in columns:
        if name not in table.column_names:
            continue
        column = table.column(name)
        nulls[name] = column.null_count
        if column.null_count < len(column):
            found = pc.call_function("min_max", [column]).as_py()
            least[name] = _at_most(found["min"])
            greatest[name] = _at_least(found["max"])
    return json.dumps(
        {
            "numRecords": table.num_rows,
            "minValues": least,
            "maxValues": greatest,
            "nullCount": nulls,
        }
    )


def _at_most(value: Any) -> Any:
    return value[:_MAX_CHARACTERS] if isinstance(value, str) else value


def _at_least(value: Any) -> Any:
    if not isinstance(value, str) or len(value) <= _MAX_CHARACTERS:
        return value
    return value[:_MAX_CHARACTERS] + _LAST_CHARACTER
