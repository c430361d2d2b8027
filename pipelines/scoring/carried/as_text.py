"""Arrow values as text, where the files of an input agree on nothing else."""

import base64
import decimal
import json
from typing import Any

import pyarrow as pa

from pipelines.scoring.carried.arrow_types import is_bytes, is_list
from pipelines.scoring.carried.nested import (
    cut_lists,
    list_parts,
    map_parts,
    tuples,
    written_out,
)

_SECONDS = {"s": 0, "ms": -3, "us": -6, "ns": -9}
_YEAR_0, _YEAR_10000 = -62_167_219_200, 253_402_300_800  # seconds since 1970


def texts(array: pa.Array) -> list[str | None]:
    """Return values as text: numbers, lists and structs as JSON writes them."""
    return [
        value if value is None or isinstance(value, str) else json_text(value)
        for value in json_values(array)
    ]


def json_text(value: object) -> str:
    """Return JSON, readable where it can be: half a surrogate pair is no UTF-8."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def json_values(array: pa.Array) -> list[Any]:
    """Return values as JSON has them; what it has no word for is text."""
    array = written_out(array)
    found, types = array.type, pa.types
    if is_list(found):
        offsets, inner = list_parts(array)
        return cut_lists(json_values(inner), offsets, array)
    if types.is_map(found):
        offsets, keys, items = map_parts(array)
        pairs = zip(json_values(keys), json_values(items), strict=True)
        return cut_lists(list(pairs), offsets, array)
    if types.is_struct(found):
        names = [field.name for field in found]
        rows = tuples([json_values(child) for child in array.flatten()], array)
        return [row and dict(zip(names, row, strict=True)) for row in rows]
    if is_bytes(found):
        values = array.to_pylist()
        return [v if v is None else base64.b64encode(v).decode() for v in values]
    if types.is_floating(found) and found.bit_width < 64:
        shortest = array.cast(pa.float32()).cast(pa.string()).to_pylist()
        return [text and float(text) for text in shortest]
    if types.is_duration(found):
        counts = array.cast(pa.int64()).to_pylist()
        return [v if v is None else _duration(v, found.unit) for v in counts]
    if types.is_timestamp(found):
        return _timestamps(array)
    if types.is_temporal(found) or types.is_decimal(found):
        return array.cast(pa.string()).to_pylist()
    return array.to_pylist()


def _duration(count: int, unit: str) -> str:
    return f"PT{decimal.Decimal(count).scaleb(_SECONDS[unit]):f}S"


def _timestamps(array: pa.Array) -> list[str | None]:
    """Return times as ISO 8601 has them, in UTC if they say where they are.

    Arrow shows years of more than four digits wrongly, and the standard has none.
    """
    unit = array.type.unit
    shown = array.cast(pa.timestamp(unit, array.type.tz and "UTC")).cast(pa.string())
    per_second = 10 ** -_SECONDS[unit]
    return [
        text
        if count is None or _YEAR_0 <= count // per_second < _YEAR_10000
        else f"{count} {unit} since 1970"
        for text, count in zip(
            shown.to_pylist(), array.cast(pa.int64()).to_pylist(), strict=True
        )
    ]
