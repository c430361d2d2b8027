"""Nested Arrow arrays taken apart and put together again, whatever their form.

Arrow's own casts do not know every form of lists, and some lose values.
"""

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def list_parts(array: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return offsets and values of lists of any form, without what nulls hide."""
    lengths = (
        pc.call_function("list_value_length", [array]).cast(pa.int32()).fill_null(0)
    )
    ends = np.cumsum(lengths.to_numpy(zero_copy_only=False), dtype=np.int32)
    return pa.array(np.concatenate([np.zeros(1, np.int32), ends])), array.flatten()


def map_parts(array: pa.MapArray) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Return offsets, keys and items of maps, without what nulls hide."""
    entry = pa.struct(
        [
            pa.field("key", array.type.key_type, nullable=False),
            pa.field("value", array.type.item_type),
        ]
    )
    offsets, entries = list_parts(array.cast(pa.list_(entry)))
    keys, items = entries.flatten()
    return offsets, keys, items


def struct_array(
    children: list[pa.Array], data_type: pa.DataType, *, is_null: pa.Array
) -> pa.StructArray:
    """Return structs from the values of their fields."""
    return pa.StructArray.from_arrays(children, fields=list(data_type), mask=is_null)


def cut_lists(values: list[Any], offsets: pa.Array, array: pa.Array) -> list[Any]:
    """Return the lists that offsets cut out of values, None where `array` is null."""
    bounds, valid = offsets.to_pylist(), array.is_valid().to_pylist()
    return [
        values[start:end] if ok else None
        for (start, end), ok in zip(itertools.pairwise(bounds), valid, strict=True)
    ]


def tuples(columns: list[list[Any]], array: pa.StructArray) -> list[Any]:
    """Return structs as tuples of their fields' values, None where `array` is null."""
    rows = zip(*columns, strict=True)
    valid = array.is_valid().to_pylist()
    return [row if ok else None for row, ok in zip(rows, valid, strict=True)]


def written_out(array: pa.Array) -> pa.Array:
    """Return an array without dictionary, runs or extension around its values."""
    found = array.type
    if isinstance(found, pa.BaseExtensionType):
        return written_out(array.storage)
    if pa.types.is_dictionary(found):
        return written_out(array.dictionary_decode())
    if pa.types.is_run_end_encoded(found):
        return written_out(pc.call_function("run_end_decode", [array]))
    return array
