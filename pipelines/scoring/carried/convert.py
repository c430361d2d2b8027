"""Arrow arrays in another type: each value stays what it is, exactly, or is text."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.scoring.carried.arrow_types import (
    EXACT_INTEGERS,
    is_bytes,
    is_list,
    is_text,
)
from pipelines.scoring.carried.as_text import texts
from pipelines.scoring.carried.nested import (
    list_parts,
    map_parts,
    struct_array,
    written_out,
)

_INT64_MAX = 2**63 - 1
_MICROSECONDS = {"s": 10**6, "ms": 10**3, "us": 1}
_NANOSECONDS = 1000  # in a microsecond


def convert(array: pa.Array, data_type: pa.DataType) -> pa.Array:
    """Return an array's values in a plain type.

    Args:
      array: Values of any type that `plain_type` takes.
      data_type: Its plain type, or what `unite_types` makes of that and others. Fields
        of structs may be fewer, and are left out then.

    Raises:
      pyarrow.ArrowInvalid: If that type cannot hold a value.
    """
    if array.type == data_type:
        return array
    array = written_out(array)
    found, is_null = array.type, array.is_null()
    if pa.types.is_null(found):
        return pa.nulls(len(array), data_type)
    if is_list(data_type) and is_list(found):
        offsets, inner = list_parts(array)
        inner = convert(inner, data_type.value_type)
        return pa.ListArray.from_arrays(offsets, inner, mask=is_null)
    if pa.types.is_map(data_type):
        offsets, keys, items = map_parts(array)
        keys = convert(keys, data_type.key_type)
        items = convert(items, data_type.item_type)
        return pa.MapArray.from_arrays(offsets, keys, items, mask=is_null)
    if pa.types.is_struct(data_type):
        named = {f.name: child for f, child in zip(found, array.flatten(), strict=True)}
        nulls = pa.nulls(len(array))
        children = [convert(named.get(f.name, nulls), f.type) for f in data_type]
        return struct_array(children, data_type, is_null=is_null)
    if is_text(found) or not (is_text(data_type) or is_bytes(data_type)):
        return array.cast(data_type)
    if is_bytes(found) and is_bytes(data_type):
        return array.cast(data_type)
    return pa.array(texts(array), pa.string()).cast(data_type)


def is_wide(array: pa.Array) -> bool:
    """Whether an integer has no exact float64.

    Args:
      array: Values of a plain type; lists, maps and structs are looked into.
    """
    return any(
        _reaches_beyond(leaf, EXACT_INTEGERS)
        for leaf in _leaves(array)
        if pa.types.is_integer(leaf.type) and leaf.type.bit_width == 64
    )


def is_fine(array: pa.Array) -> bool:
    """Whether no number of microseconds tells a timestamp or duration.

    Args:
      array: Values of a plain type; lists, maps and structs are looked into.
    """
    return any(
        _has_no_microseconds(leaf.cast(pa.int64()), leaf.type.unit)
        for leaf in _leaves(array)
        if pa.types.is_timestamp(leaf.type) or pa.types.is_duration(leaf.type)
    )


def _leaves(array: pa.Array) -> Iterator[pa.Array]:
    """Yield the values of lists, maps and structs, down to those that are none."""
    if is_list(array.type):
        yield from _leaves(list_parts(array)[1])
    elif pa.types.is_map(array.type):
        for inner in map_parts(array)[1:]:
            yield from _leaves(inner)
    elif pa.types.is_struct(array.type):
        for inner in array.flatten():
            yield from _leaves(inner)
    else:
        yield array


def _has_no_microseconds(counts: pa.Array, unit: str) -> bool:
    if unit in _MICROSECONDS:
        return _reaches_beyond(counts, _INT64_MAX // _MICROSECONDS[unit])
    whole = pc.call_function("divide", [counts, pa.scalar(_NANOSECONDS)])
    back = pc.call_function("multiply", [whole, pa.scalar(_NANOSECONDS)])
    differs = pc.call_function("not_equal", [back, counts])
    return bool(pc.call_function("any", [differs]).as_py())


def _reaches_beyond(array: pa.Array, limit: int) -> bool:
    extremes = pc.call_function("min_max", [array]).as_py()
    if extremes["min"] is None:
        return False
    return extremes["min"] < -limit or extremes["max"] > limit
