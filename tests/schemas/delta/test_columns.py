"""Every column that a ledger may have is stored as one that a Delta table has."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.delta.actions import DeltaLogError
from schemas.delta.columns import (
    protocol_for,
    schema_string,
    stored_field,
    stored_names,
    stored_type,
)
from schemas.delta.stats import file_stats
from schemas.ledger import LedgerModel, ledger_schema

MODELS = [
    LedgerModel(name="koniq", digest="1", has_distribution=False),
    LedgerModel(name="ava", digest="2", has_distribution=True),
]
SIMPLE = st.sampled_from(
    [
        pa.null(),
        pa.bool_(),
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64()),
        *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float16(), pa.float32(), pa.float64()),
        *(pa.string(), pa.large_string(), pa.string_view()),
        *(pa.binary(), pa.large_binary(), pa.binary(4), pa.binary_view()),
        *(pa.date32(), pa.date64(), pa.time32("s"), pa.time64("ns")),
        *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")),
        *(pa.timestamp(unit, "Europe/Riga") for unit in ("s", "ms", "us", "ns")),
        *(pa.duration(unit) for unit in ("s", "ns")),
        *(pa.decimal32(4, 1), pa.decimal64(18, 0), pa.decimal128(38, 38)),
        *(pa.decimal128(5, -3), pa.decimal128(2, 5), pa.decimal256(76, 2)),
        pa.decimal256(10, 2),
        pa.dictionary(pa.int8(), pa.string()),
        pa.run_end_encoded(pa.int32(), pa.uint8()),
        pa.month_day_nano_interval(),
        pa.uuid(),
    ]
)


def is_a_key(data_type: pa.DataType) -> bool:
    return not pa.types.is_null(data_type)


NAMES = st.lists(st.text(max_size=4), min_size=1, max_size=4, unique=True)
TYPES = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        inner.map(pa.list_),
        inner.map(pa.large_list),
        inner.map(lambda one: pa.list_(one, 2)),
        inner.map(pa.list_view),
        st.tuples(inner.filter(is_a_key), inner).map(lambda pair: pa.map_(*pair)),
        st.tuples(NAMES, inner).map(
            lambda made: pa.struct([(name, made[1]) for name in made[0]])
        ),
    ),
    max_leaves=4,
)


def fields_of(schema: pa.Schema) -> dict[str, dict]:
    found = json.loads(schema_string(schema))
    assert found["type"] == "struct"
    return {field["name"]: field for field in found["fields"]}


def test_the_columns_of_a_ledger_need_nothing_but_the_first_version():
    schema = ledger_schema([pa.field("label", pa.string())], MODELS)
    fields = fields_of(schema)
    assert list(fields) == schema.names
    assert fields["uri"] == {
        "name": "uri",
        "type": "string",
        "nullable": False,
        "metadata": {},
    }
    assert fields["orientation"]["type"] == "byte"
    assert fields["modified_at"]["type"] == "timestamp"
    assert fields["musiq_ava_distribution"]["type"] == {
        "type": "array",
        "elementType": "float",
        "containsNull": True,
    }
    protocol = protocol_for(schema)
    assert (protocol.minReaderVersion, protocol.minWriterVersion) == (1, 2)
    assert protocol.readerFeatures is None


@given(TYPES)
def test_every_column_is_stored_as_one_that_delta_has(data_type):
    field = stored_field(pa.field("it", data_type))
    assert fields_of(pa.schema([field])).keys() == {"it"}


@given(TYPES)
def test_what_is_stored_is_stored_so_again(data_type):
    stored = stored_type(data_type)
    assert stored_type(stored) == stored


@pytest.mark.parametrize(
    ("values", "data_type"),
    [
        ([0, 255, None], pa.uint8()),
        ([0, 2**16 - 1], pa.uint16()),
        ([0, 2**32 - 1], pa.uint32()),
        ([0, 2**64 - 1], pa.uint64()),
        ([1.5, -65504.0], pa.float16()),
        ([0, 2**31], pa.timestamp("s")),
        ([0, -1], pa.timestamp("ms", "Asia/Tokyo")),
        ([None, None], pa.null()),
    ],
)
def test_every_value_of_a_type_that_is_lacking_is_kept(values, data_type):
    array = pa.array(values, data_type)
    stored = array.cast(stored_type(data_type))
    assert stored.null_count == array.null_count
    assert stored.cast(data_type) == array if values[0] is not None else True


@pytest.mark.parametrize(
    "data_type",
    [
        pa.duration("ms"),
        pa.list_(pa.duration("ms")),
        pa.map_(pa.string(), pa.list_(pa.duration("ms"))),
    ],
)
def test_the_unit_of_a_duration_is_told(data_type):
    field = stored_field(pa.field("it", data_type))
    assert fields_of(pa.schema([field]))["it"]["metadata"] == {"musiq_unit": "ms"}


@pytest.mark.parametrize(
    "data_type",
    [
        pa.timestamp("us"),
        pa.list_(pa.timestamp("us")),
        pa.struct([("taken", pa.map_(pa.string(), pa.timestamp("us")))]),
    ],
)
def test_times_without_a_zone_ask_for_their_feature(data_type):
    protocol = protocol_for(pa.schema([("taken", data_type)]))
    assert protocol.readerFeatures == ("timestampNtz",)
    assert (protocol.minReaderVersion, protocol.minWriterVersion) == (3, 7)


@pytest.mark.parametrize(
    "data_type",
    [
        pa.uint8(),
        pa.duration("s"),
        pa.list_(pa.time32("s")),
        pa.timestamp("ns"),
        pa.large_string(),
        pa.struct([]),
    ],
)
def test_a_type_that_delta_lacks_is_never_named(data_type):
    with pytest.raises(DeltaLogError, match=r"column 'it': a table of Delta's has no"):
        schema_string(pa.schema([("it", data_type)]))


def test_a_union_cannot_be_stored():
    union = pa.dense_union([pa.field("a", pa.int8())])
    with pytest.raises(DeltaLogError, match="has no dense_union"):
        stored_type(union)


@pytest.mark.parametrize(
    ("names", "stored"),
    [
        (["label", "größe", "a-b", "数"], ["label", "größe", "a-b", "数"]),
        (["a b", "a_b"], ["a_b_2", "a_b"]),
        (["a b", "a,b", "A;B"], ["a_b", "a_b_2", "A_B_3"]),
        (["x(1)", "m=2", "c.d", "t\tn\n"], ["x_1_", "m_2", "c_d", "t_n_"]),
        (["", " "], ["_", "__2"]),
    ],
)
def test_names_that_engines_dislike_are_made_plain(names, stored):
    assert stored_names(names) == stored


@given(NAMES)
def test_names_stay_apart_and_plain_ones_stay(names):
    stored = stored_names(names)
    assert len({name.lower() for name in stored}) == len(names)
    assert stored_names(stored) == stored


def test_statistics_tell_bounds_and_nulls():
    table = pa.table(
        {
            "uri": ["b", "a", "c"],
            "status": ["scored", "failed", "scored"],
            "tokens": pa.array([7, None, 3], pa.int32()),
            "musiq_tiny": pa.array([0.5, None, 2.25], pa.float32()),
            "failure": pa.array([None, None, None], pa.string()),
        }
    )
    columns = ["uri", "status", "tokens", "musiq_tiny", "failure", "absent"]
    assert json.loads(file_stats(table, columns)) == {
        "numRecords": 3,
        "minValues": {"uri": "a", "status": "failed", "tokens": 3, "musiq_tiny": 0.5},
        "maxValues": {"uri": "c", "status": "scored", "tokens": 7, "musiq_tiny": 2.25},
        "nullCount": {
            "uri": 0,
            "status": 0,
            "tokens": 1,
            "musiq_tiny": 1,
            "failure": 3,
        },
    }


@given(st.lists(st.text(alphabet="ab\U0010ffff", max_size=600), min_size=1))
def test_bounds_of_long_texts_are_bounds(texts):
    told = json.loads(file_stats(pa.table({"uri": texts}), ["uri"]))
    assert all(told["minValues"]["uri"] <= text for text in texts)
    assert all(text <= told["maxValues"]["uri"] for text in texts)
    assert len(told["maxValues"]["uri"]) <= 257


def test_a_file_without_rows_has_no_bounds():
    table = pa.table({"uri": pa.array([], pa.string())})
    told = json.loads(file_stats(table, ["uri"]))
    assert told["numRecords"] == 0
    assert told["minValues"] == told["maxValues"] == {}
