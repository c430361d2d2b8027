"""Values of any Arrow type travel and reach the ledger as they were."""

import datetime
import decimal
import io
from collections.abc import Iterator

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
from pipelines.scoring.carried.columns import unite_layouts
from pipelines.scoring.carried.convert import convert
from pipelines.scoring.carried.layout import FoundLayout
from pipelines.scoring.carried.rows import carry_arrow, carry_json
from pipelines.scoring.carried.transport import to_arrow, to_python
from schemas.ledger import LedgerRow


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
    elif types.is_temporal(plain):
        found = st.integers(-(2**31), 2**31 - 1)
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


@settings(deadline=None, max_examples=60)
@given(columns())
def test_values_of_any_type_are_in_the_ledger_as_they_were(column):
    array, _, values = column
    found = through(array)
    assert to_python(convert(found, plain_type(found.type))) == values
    assert plain_type(found.type) == unite_types([array.type], is_wide=False)


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
        ([pa.timestamp("ms"), pa.timestamp("ns")], pa.timestamp("ns")),
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
    when = pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns", "UTC"))
    nested = pa.array([{"at": [1_700_000_000_123_456_789]}, None])
    nested = nested.cast(pa.struct({"at": pa.list_(pa.timestamp("ns"))}))
    assert through(when).equals(when)
    assert through(nested).equals(nested)
    day = pa.array([datetime.date(2026, 1, 2)], pa.date64())
    assert through(day).to_pylist() == [datetime.date(2026, 1, 2)]
