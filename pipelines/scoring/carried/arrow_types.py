"""Which Arrow types carried values have, and which type holds those of several files.

A plain type is one that every reader of the ledger knows: dictionaries, views, runs,
large arrays and extensions are written out, and everything may be null.
"""

import functools
from collections.abc import Callable, Sequence

import pyarrow as pa

EXACT_INTEGERS = 2**53  # beyond that, float64 has no longer every integer
_UNITS = ("s", "ms", "us", "ns")
_MAX_PRECISION = 76
_INTEGER_DIGITS = {8: 3, 16: 5, 32: 10, 64: 20}
_SIGNED = {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}
_UNSIGNED = {8: pa.uint8(), 16: pa.uint16(), 32: pa.uint32(), 64: pa.uint64()}


class CannotCarryError(ValueError):
    """A type whose values cannot be carried; its text is the type's."""


def plain_type(data_type: pa.DataType) -> pa.DataType:
    """Return the plain type that has all values of a type.

    Raises:
      CannotCarryError: If there is none, as for unions and intervals.
    """
    types = pa.types
    if isinstance(data_type, pa.BaseExtensionType):
        return plain_type(data_type.storage_type)
    if types.is_dictionary(data_type) or types.is_run_end_encoded(data_type):
        return plain_type(data_type.value_type)
    if is_text(data_type):
        return pa.string()
    if is_bytes(data_type):
        return pa.binary()
    if types.is_float16(data_type):
        return pa.float32()
    if types.is_decimal(data_type):
        digits = data_type.precision - min(data_type.scale, 0)
        return _decimal(digits, max(data_type.scale, 0))
    if types.is_date64(data_type):
        return pa.date32()
    if types.is_time32(data_type):
        return pa.time32("ms")
    if is_list(data_type):
        return pa.list_(plain_type(data_type.value_type))
    if types.is_map(data_type):
        return pa.map_(plain_type(data_type.key_type), plain_type(data_type.item_type))
    if types.is_struct(data_type):
        names = [field.name for field in data_type]
        if len(set(names)) < len(names):
            raise CannotCarryError(f"{data_type}, with two fields of one name")
        if not names:
            raise CannotCarryError(f"{data_type}, with no fields")
        return pa.struct([(field.name, plain_type(field.type)) for field in data_type])
    if types.is_nested(data_type) or types.is_interval(data_type):
        raise CannotCarryError(str(data_type))
    return data_type


def unite_types(
    types: Sequence[pa.DataType], *, is_wide: bool, is_fine: bool = False
) -> pa.DataType:
    """Return the type that holds the values of all plain types, exactly.

    It is text where there is no other, and does not depend on the order of the types,
    but for that of a struct's fields. Timestamps and durations are in microseconds, as
    engines have them.

    Args:
      types: Plain types; null goes with anything.
      is_wide: Whether some of the values have no exact counterpart in float64.
      is_fine: Whether some are times or durations that no number of microseconds tells.
    """
    unite = functools.partial(unite_types, is_wide=is_wide, is_fine=is_fine)
    found = [one for one in dict.fromkeys(types) if not pa.types.is_null(one)]
    if not found:
        return pa.string()
    if all(map(is_list, found)):
        return pa.list_(unite([one.value_type for one in found]))
    if all(map(pa.types.is_map, found)):
        return pa.map_(
            unite([one.key_type for one in found]),
            unite([one.item_type for one in found]),
        )
    if all(map(pa.types.is_struct, found)):
        return _united_struct(found, unite)
    if all(map(_is_counted_time, found)):
        return pa.string() if is_fine else _in_microseconds(found) or pa.string()
    if len(found) == 1:
        return found[0]
    if all(map(pa.types.is_time, found)):
        unit = max((one.unit for one in found), key=_UNITS.index)
        return pa.time64(unit) if unit in ("us", "ns") else pa.time32(unit)
    if all(is_bytes(one) or is_text(one) for one in found):
        return pa.binary()
    if all(map(_is_number, found)):
        return _united_number(found, is_wide=is_wide) or pa.string()
    return pa.string()


def is_text(data_type: pa.DataType) -> bool:
    """Whether values are text, in any of Arrow's forms but a dictionary."""
    return (
        pa.types.is_string(data_type)
        or pa.types.is_large_string(data_type)
        or pa.types.is_string_view(data_type)
    )


def is_textual(data_type: pa.DataType) -> bool:
    """Whether values are text, in any of Arrow's forms, dictionaries included."""
    if pa.types.is_dictionary(data_type) or pa.types.is_run_end_encoded(data_type):
        return is_textual(data_type.value_type)
    return is_text(data_type)


def is_bytes(data_type: pa.DataType) -> bool:
    """Whether values are bytes, in any of Arrow's forms but a dictionary."""
    return (
        pa.types.is_binary(data_type)
        or pa.types.is_large_binary(data_type)
        or pa.types.is_binary_view(data_type)
        or pa.types.is_fixed_size_binary(data_type)
    ) and not pa.types.is_decimal(data_type)


def is_list(data_type: pa.DataType) -> bool:
    """Whether values are lists, in any of Arrow's forms."""
    return (
        pa.types.is_list(data_type)
        or pa.types.is_large_list(data_type)
        or pa.types.is_fixed_size_list(data_type)
        or pa.types.is_list_view(data_type)
        or pa.types.is_large_list_view(data_type)
    )


def holds_bytes(data_type: pa.DataType) -> bool:
    """Whether values are bytes, or have some in them."""
    if isinstance(data_type, pa.BaseExtensionType):
        return holds_bytes(data_type.storage_type)
    if pa.types.is_dictionary(data_type) or pa.types.is_run_end_encoded(data_type):
        return holds_bytes(data_type.value_type)
    if is_list(data_type):
        return holds_bytes(data_type.value_type)
    if data_type.num_fields:
        fields = map(data_type.field, range(data_type.num_fields))
        return any(holds_bytes(field.type) for field in fields)
    return is_bytes(data_type)


def _united_struct(
    types: Sequence[pa.DataType], unite: Callable[[list[pa.DataType]], pa.DataType]
) -> pa.DataType:
    names = dict.fromkeys(field.name for one in types for field in one)
    fields = {
        name: [field.type for one in types for field in one if field.name == name]
        for name in names
    }
    return pa.struct([(name, unite(found)) for name, found in fields.items()])


def _is_number(data_type: pa.DataType) -> bool:
    types = pa.types
    return (
        types.is_integer(data_type)
        or types.is_floating(data_type)
        or types.is_decimal(data_type)
    )


def _united_number(
    types: Sequence[pa.DataType], *, is_wide: bool
) -> pa.DataType | None:
    if not any(map(pa.types.is_floating, types)):
        return _united_exact_number(types)
    if any(map(pa.types.is_decimal, types)):
        return None
    if all(map(pa.types.is_floating, types)):
        return pa.float64()
    is_long = any(pa.types.is_integer(one) and one.bit_width == 64 for one in types)
    return None if is_long and is_wide else pa.float64()


def _united_exact_number(types: Sequence[pa.DataType]) -> pa.DataType | None:
    """Return the integers or decimals that have the values of all of them."""
    decimals = [one for one in types if pa.types.is_decimal(one)]
    signed = [one.bit_width for one in types if pa.types.is_signed_integer(one)]
    unsigned = [one.bit_width for one in types if pa.types.is_unsigned_integer(one)]
    if not decimals and not signed:
        return _UNSIGNED[max(unsigned)]
    bits = max([*signed, *(2 * one for one in unsigned)], default=0)
    if not decimals and bits <= 64:
        return _SIGNED[bits]
    scale = max((one.scale for one in decimals), default=0)
    digits = max(
        [
            *(one.precision - one.scale for one in decimals),
            *(_INTEGER_DIGITS[one] for one in (*signed, *unsigned)),
        ]
    )
    return _decimal(digits + scale, scale) if digits + scale <= _MAX_PRECISION else None


def _decimal(precision: int, scale: int) -> pa.DataType:
    make = pa.decimal128 if precision <= 38 else pa.decimal256
    return make(precision, scale)


def _is_counted_time(data_type: pa.DataType) -> bool:
    return pa.types.is_timestamp(data_type) or pa.types.is_duration(data_type)


def _in_microseconds(types: Sequence[pa.DataType]) -> pa.DataType | None:
    """Return the durations or timestamps that have the values of all of them."""
    if all(map(pa.types.is_duration, types)):
        return pa.duration("us")
    if any(map(pa.types.is_duration, types)):
        return None
    are_local = {one.tz is None for one in types}
    if len(are_local) > 1:
        return None
    return pa.timestamp("us", None if are_local.pop() else "UTC")
