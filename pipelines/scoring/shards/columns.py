"""Columns that travel from an input to the ledger."""

from typing import Any

import pyarrow as pa


def plain_type(data_type: pa.DataType) -> pa.DataType:
    """Return a carried column's type in the ledger: dictionaries are written out."""
    return data_type.value_type if pa.types.is_dictionary(data_type) else data_type


def python_values(column: pa.Array, data_type: pa.DataType) -> list[Any]:
    """Return values that travel with a ref; times travel as integers, losslessly.

    Raises:
      pyarrow.ArrowInvalid: If the column cannot have that type.
    """
    if column.type != data_type:
        column = column.cast(data_type)
    if pa.types.is_timestamp(data_type) or pa.types.is_duration(data_type):
        column = column.cast(pa.int64())
    if pa.types.is_time64(data_type):
        column = column.cast(pa.int64())
    return column.to_pylist()


def holds_bytes(data_type: pa.DataType) -> bool:
    """Whether a column has bytes, which must not travel with a ref."""
    if pa.types.is_dictionary(data_type):
        return holds_bytes(data_type.value_type)
    if data_type.num_fields:
        return any(
            holds_bytes(data_type.field(index).type)
            for index in range(data_type.num_fields)
        )
    return (
        pa.types.is_binary(data_type)
        or pa.types.is_large_binary(data_type)
        or pa.types.is_binary_view(data_type)
        or pa.types.is_fixed_size_binary(data_type)
    )
