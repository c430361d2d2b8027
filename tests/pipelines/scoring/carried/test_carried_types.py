"""Values of any Arrow type travel and reach the ledger as they were."""

import datetime
import decimal
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.scoring.carried.arrow_types import (
    CannotCarryError,
    plain_type,
    unite_types,
)
from pipelines.scoring.carried.columns import ledger_names, unite_layouts
from pipelines.scoring.carried.convert import convert
from pipelines.scoring.carried.layout import FoundLayout
from pipelines.scoring.carried.rows import carry_arrow, carry_json
from pipelines.scoring.carried.stored import stored_anew
from pipelines.scoring.carried.transport import to_arrow, to_python
from schemas.delta.columns import UNIT_KEY, stored_field, stored_names, stored_type
from schemas.ledger import LedgerRow, is_reserved


def through(*columns: pa.Array) -> pa.Array:
    """One carried column of several files, as it stands in the ledger."""
    carried = [carry_arrow({"x": column}, count=len(column)) for column in columns]
    return _ledger_column(carried)


def through_json(*files: list[object]) -> pa.Array:
    return _ledger_column([carry_json([{"x": v} for v in values]) for values in files])


def _ledger_column(carried) -> pa.Array:
    layouts = [
        FoundLayout(layout=rows.layout, order=(n,)) for n, rows in enumerate(carried)
    ]
    columns = unite_layouts(layouts)
    rows = [
        LedgerRow(uri="", key="", carried=one.values, layout=one.layout.digest)
        for rows in carried
        for one in rows
    ]
    file = io.BytesIO()
    pq.write_table(columns.table(rows), file)
    return pq.read_table(file).column("x").combine_chunks()


UNITS = st.sampled_from(["s", "ms", "us", "ns"])
NAMES = st.sampled_from(["a", "b", "c d", "é", ""])
LEAVES = st.one_of(
    st.sampled_from(
        [
            *(pa.null(), pa.bool_(), pa.string(), pa.large_string(), pa.string_view()),
            *(pa.int8(), pa.int16(), pa.int32(), pa.int64()),
            *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
            *(pa.float16(), pa.float32(), pa.float64(), pa.date32()),
            *(pa.binary(), pa.binary(3), pa.large_binary(), pa.time32("ms")),
            *(pa.time64("us"), pa.time64("ns")),
        ]
    ),
    st.builds(pa.timestamp, UNITS, st.sampled_from([None, "UTC", "Europe/Berlin"])),
    st.builds(pa.duration, UNITS),
    st.builds(pa.decimal128, st.integers(10, 38), st.integers(0, 10)),
    st.builds(pa.decimal256, st.integers(39, 76), st.integers(0, 10)),
)


def _nested(inner: st.SearchStrategy[pa.DataType]) -> st.SearchStrategy[pa.DataType]:
    fields = st.lists(st.tuples(NAMES, inner), min_size=1, max_size=3, unique_by=_first)
    return st.one_of(
        st.builds(pa.list_, inner),
        st.builds(pa.large_list, inner),
        st.builds(pa.list_, inner, st.just(2)),
        st.builds(pa.struct, fields),
        st.builds(pa.map_, st.just(pa.string()), inner),
    )


def _first(pair):
    return pair[0]


TYPES = st.recursive(LEAVES, _nested, max_leaves=4)


def values_of(data_type: pa.DataType) -> st.SearchStrategy[object]:
    """Python values, as `to_python` makes them of a plain type."""
    types = pa.types
    plain = plain_type(data_type)
    if types.is_null(data_type):
        return st.none()
    if types.is_boolean(plain):
        found = st.booleans()
    elif types.is_string(plain):
        found = st.text(st.characters(codec="utf-8"), max_size=3)
    elif types.is_fixed_size_binary(data_type):
        found = st.binary(min_size=3, max_size=3)
    elif types.is_binary(plain):
        found = st.binary(max_size=3)
    elif types.is_integer(plain):
        bits, unsigned = plain.bit_width, types.is_unsigned_integer(plain)
        least, most = (
            (0, 2**bits) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1))
        )
        found = st.integers(least, most - 1)
    elif types.is_float16(data_type):
        found = st.floats(width=16, allow_nan=False)
    elif types.is_floating(plain):
        found = st.floats(width=plain.bit_width, allow_nan=False)
    elif types.is_decimal(plain):
        most = 10**plain.precision - 1
        found = st.integers(-most, most).map(
            lambda n: decimal.Decimal(n).scaleb(-plain.scale, _EXACT)
        )
    elif types.is_time(plain):
        found = st.integers(0, 86_399_999)
    elif types.is_date(plain):
        found = st.integers(-(2**31), 2**31 - 1)
    elif types.is_temporal(plain):
        found = st.one_of(
            st.integers(-(2**31), 2**31 - 1),
            st.integers(-(2**31), 2**31 - 1).map(lambda count: count * 10**6),
            st.integers(-(2**63), 2**63 - 1),
        )
    elif types.is_fixed_size_list(data_type):
        found = st.lists(values_of(data_type.value_type), min_size=2, max_size=2)
    elif types.is_list(plain):
        found = st.lists(values_of(data_type.value_type), max_size=3)
    elif types.is_map(plain):
        keys = st.text("xyz", max_size=2)
        pair = st.tuples(keys, values_of(data_type.item_type))
        found = st.lists(pair, max_size=2)
    else:
        found = st.tuples(*(values_of(field.type) for field in data_type))
    return st.one_of(st.none(), found)


_EXACT = decimal.Context(prec=80)


@st.composite
def columns(draw):
    data_type = draw(TYPES)
    values = draw(st.lists(values_of(data_type), min_size=1, max_size=4))
    return to_arrow(values, plain_type(data_type)), data_type, values


def as_it_was(value: Any, data_type: pa.DataType) -> Any:
    """The value of a plain type that a stored value tells of, by the conversion table.

    Args:
      value: As `to_python` makes it of what is stored.
      data_type: The plain type.
    """
    types = pa.types
    if value is None:
        return None
    if types.is_list(data_type):
        return [as_it_was(one, data_type.value_type) for one in value]
    if types.is_map(data_type):
        return [(key, as_it_was(one, data_type.item_type)) for key, one in value]
    if types.is_struct(data_type):
        fields = zip(value, data_type, strict=True)
        return tuple(as_it_was(one, field.type) for one, field in fields)
    if types.is_decimal(data_type) and data_type.precision > 38:
        assert isinstance(value, str)
        return decimal.Decimal(value)
    if types.is_time(data_type):
        hours, minutes, seconds = map(decimal.Decimal, value.split(":"))
        return count_of((hours * 60 + minutes) * 60 + seconds, data_type.unit)
    if not (types.is_timestamp(data_type) or types.is_duration(data_type)):
        return value
    if isinstance(value, int):
        return count_of(decimal.Decimal(value).scaleb(-6, _EXACT), data_type.unit)
    if value.startswith("PT"):
        return count_of(decimal.Decimal(value[2:-1]), data_type.unit)
    if value.endswith(" since 1970"):
        return int(value.split()[0])
    assert value.endswith("Z") is (data_type.tz is not None)
    return int(np.datetime64(value.removesuffix("Z"), data_type.unit).astype(int))


def count_of(seconds: decimal.Decimal, unit: str) -> int:
    count = seconds.scaleb({"s": 0, "ms": 3, "us": 6, "ns": 9}[unit], _EXACT)
    assert count == int(count)
    return int(count)


@settings(deadline=None, max_examples=60)
@given(columns())
def test_values_of_any_type_are_in_the_ledger_as_they_were(column):
    array, _, values = column
    found = through(array)
    assert stored_type(found.type) == found.type
    told = to_python(convert(found, plain_type(found.type)))
    assert [as_it_was(value, array.type) for value in told] == values


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ([pa.null()], pa.string()),
        ([pa.null(), pa.int8()], pa.int8()),
        ([pa.int8(), pa.int32()], pa.int32()),
        ([pa.uint8(), pa.int8()], pa.int16()),
        ([pa.uint64(), pa.int8()], pa.decimal128(20, 0)),
        ([pa.int32(), pa.float32()], pa.float64()),
        ([pa.int64(), pa.float64()], pa.float64()),
        ([pa.float32(), pa.float64()], pa.float64()),
        ([pa.decimal128(5, 2), pa.int16()], pa.decimal128(7, 2)),
        ([pa.decimal128(38, 0), pa.decimal128(38, 38)], pa.decimal256(76, 38)),
        ([pa.decimal256(76, 0), pa.decimal128(38, 38)], pa.string()),
        ([pa.decimal128(5, 2), pa.float64()], pa.string()),
        ([pa.bool_(), pa.int64()], pa.string()),
        ([pa.string(), pa.binary()], pa.binary()),
        ([pa.timestamp("ms"), pa.timestamp("ns")], pa.timestamp("us")),
        ([pa.timestamp("s", "Asia/Tokyo")], pa.timestamp("us", "UTC")),
        ([pa.duration("s")], pa.duration("us")),
        ([pa.duration("ns"), pa.duration("ms")], pa.duration("us")),
        ([pa.duration("s"), pa.timestamp("s")], pa.string()),
        ([pa.timestamp("us", "UTC"), pa.timestamp("us")], pa.string()),
        (
            [pa.timestamp("us", "UTC"), pa.timestamp("ms", "Europe/Berlin")],
            pa.timestamp("us", "UTC"),
        ),
        ([pa.date32(), pa.timestamp("us")], pa.string()),
        ([pa.time32("ms"), pa.time64("us")], pa.time64("us")),
        ([pa.list_(pa.null()), pa.list_(pa.int8())], pa.list_(pa.int8())),
        ([pa.list_(pa.int8()), pa.int8()], pa.string()),
        (
            [pa.struct({"a": pa.int8()}), pa.struct({"b": pa.string()})],
            pa.struct({"a": pa.int8(), "b": pa.string()}),
        ),
        (
            [pa.map_(pa.string(), pa.int8()), pa.map_(pa.string(), pa.int64())],
            pa.map_(pa.string(), pa.int64()),
        ),
    ],
)
def test_types_of_several_files_are_united_without_loss(types, expected):
    assert unite_types(types, is_wide=False) == expected
    fields_are_in_order = not pa.types.is_struct(expected)
    assert (unite_types(types[::-1], is_wide=False) == expected) is fields_are_in_order


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([pa.array([2**53 + 1]), pa.array([0.5])], [str(2**53 + 1), "0.5"]),
        ([pa.array([2**53]), pa.array([0.5])], [2.0**53, 0.5]),
        ([pa.array([[2**60]]), pa.array([[0.5]])], [[str(2**60)], ["0.5"]]),
        ([pa.array([0.1], pa.float32()), pa.array(["x"])], ["0.1", "x"]),
        ([pa.array([1.0]), pa.array([True])], ["1.0", "true"]),
        ([pa.array([{"a": [1]}]), pa.array(["x"])], ['{"a": [1]}', "x"]),
        ([pa.array([b"\xff"]), pa.array(["é"])], [b"\xff", "é".encode()]),
        (
            [pa.array([10**14], pa.timestamp("ms")), pa.array([1], pa.timestamp("ns"))],
            ["5138-11-16 09:46:40.000", "1970-01-01 00:00:00.000000001"],
        ),
        (
            [pa.array([1500], pa.duration("ms")), pa.array(["x"])],
            ["PT1.500S", "x"],
        ),
        (
            [pa.array([decimal.Decimal("1.50")]), pa.array([2.5])],
            ["1.50", "2.5"],
        ),
    ],
)
def test_what_agrees_on_no_type_is_text(files, expected):
    assert through(*files).to_pylist() == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([[1], [2.5]], [1.0, 2.5]),
        ([[1], ["x"], [None]], ["1", "x", None]),
        ([[1, "x", True, 2.5]], ["1", "x", "true", "2.5"]),
        ([[2**53 + 1], [0.5]], [str(2**53 + 1), "0.5"]),
        ([[2**70], [1]], [str(2**70), "1"]),
        ([[None], [None]], [None, None]),
        ([[{"a": [1, "é"]}], [3]], ['{"a": [1, "é"]}', "3"]),
        ([[True], [None, False]], [True, None, False]),
    ],
)
def test_numbers_of_json_stay_numbers_as_far_as_all_files_agree(files, expected):
    assert through_json(*files).to_pylist() == expected


def _forms_of_lists() -> Iterator[pa.Array]:
    plain = pa.array([["a"], None, ["b", "c"], []])
    yield plain.cast(pa.large_list(pa.large_string()))
    yield pa.array(plain.to_pylist(), pa.list_view(pa.string_view()))
    yield pa.array(plain.to_pylist(), pa.large_list_view(pa.string()))
    coded = pa.array(["a", "b", "c"]).dictionary_encode()
    yield pa.ListArray.from_arrays(pa.array([0, None, 1, 3, 3], pa.int32()), coded)


@pytest.mark.parametrize("array", list(_forms_of_lists()), ids=lambda a: str(a.type))
def test_every_form_of_lists_and_text_is_written_out(array):
    assert through(array).to_pylist() == [["a"], None, ["b", "c"], []]
    assert through(array[1:]).to_pylist() == [None, ["b", "c"], []]


def test_what_is_encoded_or_extended_is_written_out():
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), ["a", "b"])
    assert through(runs).to_pylist() == ["a", "a", "b"]
    lists = pa.array([[1], [2]])
    coded = pa.DictionaryArray.from_arrays(pa.array([1, None, 0]), lists)
    assert through(coded).to_pylist() == [[2], None, [1]]
    key = pa.array([b"0123456789abcdef"], pa.uuid())
    assert through(key).to_pylist() == [b"0123456789abcdef"]


def test_a_list_of_fixed_size_may_be_null():
    array = pa.array([[1, 2], None], pa.list_(pa.int16(), 2))
    assert through(array).to_pylist() == [[1, 2], None]


def test_text_that_is_not_utf_8_is_written_out_and_costs_no_row():
    offsets = pa.array([0, 2, 3], pa.int32()).buffers()[1]
    array = pa.Array.from_buffers(
        pa.string(), 2, [None, offsets, pa.py_buffer(b"\xffab")]
    )
    assert through(array).to_pylist() == ["\\xffa", "b"]


@pytest.mark.parametrize(
    "array",
    [
        pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]),
        pa.array([pa.MonthDayNano([1, 2, 3])]),
        pa.array([[pa.MonthDayNano([1, 2, 3])]]),
        pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]),
    ],
    ids=lambda array: str(array.type),
)
def test_a_type_that_cannot_be_carried_is_told_with_its_column(array):
    with pytest.raises(CannotCarryError, match=r"column 'x' is .*; cast it to another"):
        through(array)


def test_times_are_the_same_to_the_last_nanosecond():
    when = pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns", "Asia/Tokyo"))
    told = "2023-11-14 22:13:20.123456789"
    assert through(when).to_pylist() == [f"{told}Z", None]
    nested = pa.array([{"at": [1_700_000_000_123_456_789]}, None])
    nested = nested.cast(pa.struct({"at": pa.list_(pa.timestamp("ns"))}))
    assert through(nested).to_pylist() == [{"at": [told]}, None]
    day = pa.array([datetime.date(2026, 1, 2)], pa.date64())
    assert through(day).to_pylist() == [datetime.date(2026, 1, 2)]


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_in_whole_microseconds_are_timestamps_whatever_the_unit(unit, zone):
    when = pa.array([1_700_000_000, None], pa.timestamp("s", zone))
    found = through(when.cast(pa.timestamp(unit, zone)))
    assert found.equals(when.cast(pa.timestamp("us", zone and "UTC")))


def test_a_time_that_is_no_number_of_microseconds_is_text_and_costs_no_run():
    far = pa.array([2**62, 0], pa.timestamp("s"))
    told = [f"{2**62} s since 1970", "1970-01-01 00:00:00"]
    assert through(far).to_pylist() == told


@pytest.mark.parametrize(
    ("values", "data_type", "expected"),
    [
        ([1500, None], pa.duration("ms"), [1_500_000, None]),
        ([-3], pa.duration("s"), [-3_000_000]),
        ([2000], pa.duration("ns"), [2]),
        ([2001], pa.duration("ns"), ["PT0.000002001S"]),
        ([3_600_000], pa.time32("ms"), ["01:00:00.000"]),
        ([2**64 - 1, None], pa.uint64(), [decimal.Decimal(2**64 - 1), None]),
        ([255], pa.uint8(), [255]),
    ],
)
def test_types_that_engines_lack_are_stored_as_ones_that_they_have(
    values, data_type, expected
):
    array = pa.array(values, data_type)
    assert through(array).to_pylist() == expected
    assert through(pa.array([[value] for value in values], pa.list_(data_type))) == (
        pa.array([[value] for value in through(array)], pa.list_(through(array).type))
    )


def test_the_unit_of_a_duration_is_told_with_its_column():
    carried = carry_arrow({"x": pa.array([1], pa.duration("s"))}, count=1)
    columns = unite_layouts([FoundLayout(layout=carried.layout, order=(0,))])
    [field] = columns.fields
    assert field.metadata == {UNIT_KEY: b"us"}


NEW = pa.struct({"c_d": pa.int64(), "t": pa.string()})


@pytest.mark.parametrize(
    ("old", "data_type", "expected"),
    [
        (pa.array([1500, None], pa.duration("ms")), pa.int64(), [1_500_000, None]),
        (pa.array([1500], pa.duration("ms")), pa.string(), ["PT1.500S"]),
        (pa.array([2**64 - 1], pa.uint64()), pa.decimal128(20, 0), [2**64 - 1]),
        (pa.array([7], pa.uint8()), pa.float64(), [7.0]),
        (pa.array([7], pa.time32("ms")), pa.string(), ["00:00:00.007"]),
        (
            pa.array([1001], pa.timestamp("ns")),
            pa.string(),
            ["1970-01-01 00:00:00.000001001"],
        ),
        (
            pa.array(
                [{"c d": 1, "t": 1}],
                pa.struct({"c d": pa.uint8(), "t": pa.time32("ms")}),
            ),
            NEW,
            [{"c_d": 1, "t": "00:00:00.001"}],
        ),
    ],
)
def test_a_column_of_an_older_state_is_stored_anew(old, data_type, expected):
    field = pa.field("x", old.type)
    assert stored_anew(old, field, data_type).to_pylist() == expected
    again = stored_field(pa.field("x", data_type))
    new = stored_anew(old, field, data_type)
    assert stored_anew(new, again, data_type) == new


def test_a_duration_that_was_stored_is_known_as_one():
    field = stored_field(pa.field("x", pa.duration("us")))
    old = pa.array([1_500_000], field.type)
    assert stored_anew(old, field, pa.string()).to_pylist() == ["PT1.500000S"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["label", "größe", "a-b", "数"], ["label", "größe", "a-b", "数"]),
        (["a b", "a_b"], ["input_a_b", "a_b"]),
        (["Label", "label"], ["Label", "input_label"]),
        (["Width", "size bytes"], ["input_Width", "input_size_bytes"]),
        (["musiq=1", "musiq_x"], ["input_musiq_1", "input_musiq_x"]),
        (["", " "], ["input_", "_"]),
        (["a.b", "a,b", "A B"], ["a_b", "input_a_b", "input_A_B_2"]),
        (["x y", "input_x_y", "x_y"], ["input_x_y_2", "input_x_y", "x_y"]),
    ],
)
def test_names_that_engines_refuse_are_made_plain(names, expected):
    assert list(ledger_names(names).values()) == expected


@given(st.lists(st.text(max_size=6), max_size=5, unique=True))
def test_names_in_the_ledger_stay_apart_whatever_the_inputs_call_them(names):
    given_names = ledger_names(names)
    assert list(given_names) == names
    found = list(given_names.values())
    assert len({name.lower() for name in found}) == len(names)
    assert stored_names(found) == found
    assert not any(map(is_reserved, found))


def test_renamed_fields_of_structs_are_told_behind_their_column():
    inner = pa.list_(pa.struct({"c d": pa.int8(), "e": pa.int8()}))
    carried = carry_arrow({"a b": pa.array([[]], inner)}, count=1)
    columns = unite_layouts([FoundLayout(layout=carried.layout, order=(0,))])
    assert columns.renamed == {"a b": "a_b", "a b.c d": "a_b.c_d"}
