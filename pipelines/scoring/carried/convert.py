"""Arrow arrays in another type: each value stays what it is, exactly, or is text."""

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
_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


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
    """Whether a value has no exact float64, or is a time that nanoseconds cannot hold.

    Args:
      array: Values of a plain type.
    """
    found = array.type
    if is_list(found):
        return is_wide(list_parts(array)[1])
    if pa.types.is_map(found):
        return any(map(is_wide, map_parts(array)[1:]))
    if pa.types.is_struct(found):
        return any(map(is_wide, array.flatten()))
    if pa.types.is_timestamp(found) or pa.types.is_duration(found):
        limit = _INT64_MAX // _NANOSECONDS[found.unit]
        return _reaches_beyond(array.cast(pa.int64()), limit)
    if pa.types.is_integer(found) and found.bit_width == 64:
        return _reaches_beyond(array, EXACT_INTEGERS)
    return False


def _reaches_beyond(array: pa.Array, limit: int) -> bool:
    extremes = pc.call_function("min_max", [array]).as_py()
    if extremes["min"] is None:
        return False
    return extremes["min"] < -limit or extremes["max"] > limit
