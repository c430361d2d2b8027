"""Carried values as Python objects, exactly, while they travel with a ref."""

import itertools
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from pipelines.scoring.carried.arrow_types import is_list, is_text
from pipelines.scoring.carried.nested import (
    cut_lists,
    list_parts,
    map_parts,
    struct_array,
    tuples,
)


def to_python(array: pa.Array) -> list[Any]:
    r"""Return values of a plain type: times as integers, structs and maps as tuples.

    Text that is not UTF-8 has its wrong bytes written as `\xff`.
    """
    found = array.type
    if is_list(found):
        offsets, inner = list_parts(array)
        return cut_lists(to_python(inner), offsets, array)
    if pa.types.is_map(found):
        offsets, keys, items = map_parts(array)
        pairs = list(zip(to_python(keys), to_python(items), strict=True))
        return cut_lists(pairs, offsets, array)
    if pa.types.is_struct(found):
        return tuples([to_python(child) for child in array.flatten()], array)
    if is_text(found):
        return _texts(array)
    if integers := _integers_of(found):
        return array.cast(integers).to_pylist()
    return array.to_pylist()


def to_arrow(values: Sequence[Any], data_type: pa.DataType) -> pa.Array:
    """Return what `to_python` has made of an array of a plain type as such an array."""
    is_null = pa.array([value is None for value in values], pa.bool_())
    if is_list(data_type):
        inner = to_arrow(_chained(values), data_type.value_type)
        return pa.ListArray.from_arrays(_offsets(values), inner, mask=is_null)
    if pa.types.is_map(data_type):
        pairs = _chained(values)
        keys = to_arrow([key for key, _ in pairs], data_type.key_type)
        items = to_arrow([item for _, item in pairs], data_type.item_type)
        return pa.MapArray.from_arrays(_offsets(values), keys, items, mask=is_null)
    if pa.types.is_struct(data_type):
        children = [
            to_arrow([None if v is None else v[index] for v in values], field.type)
            for index, field in enumerate(data_type)
        ]
        return struct_array(children, data_type, is_null=is_null)
    if integers := _integers_of(data_type):
        return pa.array(values, integers).cast(data_type)
    return pa.array(values, data_type)


def _integers_of(data_type: pa.DataType) -> pa.DataType | None:
    """Return the integers that times travel as, None for anything else."""
    if not pa.types.is_temporal(data_type):
        return None
    return pa.int32() if data_type.bit_width == 32 else pa.int64()


def _texts(array: pa.Array) -> list[str | None]:
    try:
        return array.to_pylist()
    except UnicodeDecodeError:
        return [
            value if value is None else value.decode(errors="backslashreplace")
            for value in array.cast(pa.binary()).to_pylist()
        ]


def _chained(values: Sequence[Any]) -> list[Any]:
    return list(itertools.chain.from_iterable(v for v in values if v is not None))


def _offsets(values: Sequence[Any]) -> pa.Array:
    lengths = (0 if value is None else len(value) for value in values)
    return pa.array(list(itertools.accumulate(lengths, initial=0)), pa.int32())
