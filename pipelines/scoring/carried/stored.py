"""Carried values as the ledger stores them, so that every engine can open it."""

from collections.abc import Iterator

import pyarrow as pa

from pipelines.scoring.carried.arrow_types import is_list, plain_type, unite_types
from pipelines.scoring.carried.convert import convert, is_fine, is_wide
from pipelines.scoring.carried.nested import list_parts, map_parts, struct_array
from schemas.delta.columns import UNIT_KEY, stored_type


def as_stored(array: pa.Array) -> pa.Array:
    """Return an array in the type as which a ledger holds its values, exactly.

    Args:
      array: Values of a plain type.
    """
    found, data_type = array.type, stored_type(array.type)
    if found == data_type:
        return array
    is_null = array.is_null()
    if is_list(found):
        offsets, inner = list_parts(array)
        return pa.ListArray.from_arrays(offsets, as_stored(inner), mask=is_null)
    if pa.types.is_map(found):
        offsets, keys, items = map_parts(array)
        keys, items = as_stored(keys), as_stored(items)
        return pa.MapArray.from_arrays(offsets, keys, items, mask=is_null)
    if pa.types.is_struct(found):
        children = [as_stored(child) for child in array.flatten()]
        return struct_array(children, data_type, is_null=is_null)
    if pa.types.is_time(found):
        return array.cast(data_type)
    return convert(array, data_type)


def stored_anew(array: pa.Array, field: pa.Field, data_type: pa.DataType) -> pa.Array:
    """Return a column of an older state as a new state stores it.

    Args:
      array: The column.
      field: As it stands in that state.
      data_type: Of the column in the new state.

    Raises:
      pyarrow.ArrowInvalid: If that type cannot hold a value.
    """
    if unit := (field.metadata or {}).get(UNIT_KEY):
        array = _durations(array, unit.decode())
    array = convert(array, plain_type(array.type))
    united = unite_types([array.type], is_wide=is_wide(array), is_fine=is_fine(array))
    stored = as_stored(convert(array, united))
    # Fields of structs have their new names in `stored` alone.
    is_nested = pa.types.is_nested(united)
    return convert(
        stored if is_nested or stored.type == data_type else array, data_type
    )


def stored_renames(
    name: str, found: pa.DataType, field: pa.Field
) -> Iterator[tuple[str, str]]:
    """Yield the names of a column and of fields in it that are not stored as they were.

    Args:
      name: The column's in the inputs.
      found: Its type, as `unite_types` gives it.
      field: As it is stored.
    """
    if name != field.name:
        yield name, field.name
    for inner, stored in zip(_structs(found), _structs(field.type), strict=True):
        for theirs, ours in zip(inner, stored, strict=True):
            if theirs.name != ours.name:
                yield f"{name}.{theirs.name}", f"{field.name}.{ours.name}"


def _structs(data_type: pa.DataType) -> Iterator[pa.StructType]:
    """Yield all structs in a type."""
    if pa.types.is_struct(data_type):
        yield data_type
    for index in range(data_type.num_fields):
        yield from _structs(data_type.field(index).type)


def _durations(array: pa.Array, unit: str) -> pa.Array:
    return array.cast(pa.duration(unit)) if array.type == pa.int64() else array
