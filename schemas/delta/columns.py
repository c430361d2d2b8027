"""Columns of a Delta table: what Arrow's types are called there, and which it has not.

A ledger is to be opened by every engine, so it asks for nothing but the first version
of the protocol, and for `timestampNtz` if a column has times without a zone. Types that
Delta lacks are stored as the nearest one that holds every value:

| Arrow | stored as |
| --- | --- |
| uint8, uint16, uint32 | the next wider signed integer |
| uint64 | decimal(20, 0) |
| float16 | float |
| dates of 64 bits | date |
| timestamps in s, ms | timestamps in us |
| timestamps in ns | text, ISO 8601 with nine digits |
| times of day | text, ISO 8601 |
| durations | long; the field's metadata name the unit |
| decimals of more than 38 digits | text |
| null | text, all null |
| large, fixed-size and view forms | the plain form |
| dictionaries, runs, extensions | their values |
"""

# PyArrow has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownArgumentType=false

import json
import re
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from schemas.delta.actions import DeltaLogError, Protocol
from schemas.delta.state import TIMESTAMP_NTZ

UNIT_KEY = b"musiq_unit"
_MAX_DIGITS = 38
_UINT64_DIGITS = 20
_NAMES = {
    pa.string(): "string",
    pa.int64(): "long",
    pa.int32(): "integer",
    pa.int16(): "short",
    pa.int8(): "byte",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.binary(): "binary",
    pa.date32(): "date",
    pa.timestamp("us"): "timestamp_ntz",
}
_STORED = {
    pa.null(): pa.string(),
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(_UINT64_DIGITS, 0),
    pa.float16(): pa.float32(),
    pa.date64(): pa.date32(),
}
# What Spark or BigQuery refuse in names of columns.
_DISLIKED = re.compile(r"""[\x00-\x20\x7f,;{}()=!"$*./?@\[\\\]^`~]""")


def protocol_for(schema: pa.Schema) -> Protocol:
    """Return the least that readers and writers of such a table must know."""
    if not any(_has_local_times(field.type) for field in schema):
        return Protocol(minReaderVersion=1, minWriterVersion=2)
    return Protocol(
        minReaderVersion=3,
        minWriterVersion=7,
        readerFeatures=(TIMESTAMP_NTZ,),
        writerFeatures=("appendOnly", "invariants", TIMESTAMP_NTZ),
    )


def schema_string(schema: pa.Schema) -> str:
    """Return an Arrow schema as a Delta table's metadata have it.

    Raises:
      DeltaLogError: If a column has a type that Delta lacks; `stored_field` has none.
    """
    return json.dumps(_struct(schema))


def stored_field(field: pa.Field) -> pa.Field:
    """Return the field as which a Delta table holds every value of a column.

    Its name is kept: `stored_names` is for all names together.

    Raises:
      DeltaLogError: If there is none, as for unions.
    """
    stored = pa.field(field.name, stored_type(field.type), field.nullable)
    unit = _unit_of(field.type)
    return stored.with_metadata({UNIT_KEY: unit.encode()}) if unit else stored


def stored_type(data_type: pa.DataType) -> pa.DataType:
    """Return the type as which a Delta table holds every value of a type.

    Raises:
      DeltaLogError: If there is none, as for unions.
    """
    types = pa.types
    if isinstance(data_type, pa.BaseExtensionType):
        return stored_type(data_type.storage_type)
    if types.is_dictionary(data_type) or types.is_run_end_encoded(data_type):
        return stored_type(data_type.value_type)
    if types.is_decimal(data_type):
        return _stored_decimal(data_type)
    if types.is_timestamp(data_type):
        zone = "UTC" if data_type.tz else None
        return pa.string() if data_type.unit == "ns" else pa.timestamp("us", zone)
    if types.is_time(data_type) or types.is_large_string(data_type):
        return pa.string()
    if types.is_string_view(data_type) or types.is_interval(data_type):
        return pa.string()
    if types.is_duration(data_type):
        return pa.int64()
    if types.is_large_binary(data_type) or types.is_fixed_size_binary(data_type):
        return pa.binary()
    if types.is_binary_view(data_type):
        return pa.binary()
    if types.is_nested(data_type):
        return _stored_nested(data_type)
    return _STORED.get(data_type, data_type)


def plain_name(name: str) -> str:
    """Return a name with underscores in place of what Spark or BigQuery refuse."""
    return _DISLIKED.sub("_", name)


def stored_names(names: Iterable[str]) -> list[str]:
    """Return what columns of one table or struct are called, so that engines take it.

    What Spark or BigQuery refuse in names becomes an underscore, and a name that
    another has already, capital letters or not, gets a number.

    Args:
      names: Their own names, no two of them equal.
    """
    names = list(names)
    safe = [plain_name(name) or "_" for name in names]
    # Names that may stay do, wherever they are.
    taken: set[str] = set()
    given: dict[int, str] = {}
    order = sorted(range(len(names)), key=lambda place: names[place] != safe[place])
    for place in order:
        ours, number = safe[place], 1
        while ours.lower() in taken:
            number += 1
            ours = f"{safe[place]}_{number}"
        taken.add(ours.lower())
        given[place] = ours
    return [given[place] for place in range(len(names))]


def _unit_of(data_type: pa.DataType) -> str | None:
    """Return the unit of durations, also in lists and maps."""
    if pa.types.is_duration(data_type):
        return data_type.unit
    if pa.types.is_map(data_type):
        return _unit_of(data_type.item_type) or _unit_of(data_type.key_type)
    return _unit_of(data_type.value_type) if hasattr(data_type, "value_type") else None


def _stored_decimal(data_type: pa.DataType) -> pa.DataType:
    scale = max(data_type.scale, 0)
    digits = max(data_type.precision - min(data_type.scale, 0), scale)
    return pa.string() if digits > _MAX_DIGITS else pa.decimal128(digits, scale)


def _stored_nested(data_type: pa.DataType) -> pa.DataType:
    types = pa.types
    if types.is_map(data_type):
        return pa.map_(
            stored_type(data_type.key_type), stored_type(data_type.item_type)
        )
    if types.is_struct(data_type) and data_type.num_fields:
        fields = [data_type.field(index) for index in range(data_type.num_fields)]
        names = stored_names(field.name for field in fields)
        stored = [
            stored_field(field).with_name(name)
            for field, name in zip(fields, names, strict=True)
        ]
        return pa.struct(stored)
    if hasattr(data_type, "value_type"):
        return pa.list_(stored_type(data_type.value_type))
    raise DeltaLogError(f"a table of Delta's has no {data_type}")


def _struct(fields: Iterable[pa.Field]) -> dict[str, Any]:
    return {"type": "struct", "fields": [_field(field) for field in fields]}


def _field(field: pa.Field) -> dict[str, Any]:
    told = field.metadata or {}
    unit = {UNIT_KEY.decode(): told[UNIT_KEY].decode()} if UNIT_KEY in told else {}
    try:
        data_type = _delta_type(field.type)
    except DeltaLogError as error:
        raise DeltaLogError(f"column {field.name!r}: {error}") from error
    return {
        "name": field.name,
        "type": data_type,
        "nullable": field.nullable,
        "metadata": unit,
    }


def _delta_type(data_type: pa.DataType) -> str | dict[str, Any]:
    types = pa.types
    if types.is_decimal128(data_type) and 0 <= data_type.scale <= data_type.precision:
        return f"decimal({data_type.precision},{data_type.scale})"
    if types.is_timestamp(data_type) and data_type.unit == "us" and data_type.tz:
        return "timestamp"
    if types.is_list(data_type):
        return {
            "type": "array",
            "elementType": _delta_type(data_type.value_type),
            "containsNull": data_type.value_field.nullable,
        }
    if types.is_map(data_type):
        return {
            "type": "map",
            "keyType": _delta_type(data_type.key_type),
            "valueType": _delta_type(data_type.item_type),
            "valueContainsNull": data_type.item_field.nullable,
        }
    if types.is_struct(data_type) and data_type.num_fields:
        return _struct(data_type.field(index) for index in range(data_type.num_fields))
    if data_type not in _NAMES:
        raise DeltaLogError(f"a table of Delta's has no {data_type}")
    return _NAMES[data_type]


def _has_local_times(data_type: pa.DataType) -> bool:
    if pa.types.is_timestamp(data_type):
        return data_type.tz is None
    inner = [data_type.field(index).type for index in range(data_type.num_fields)]
    return any(map(_has_local_times, inner))
