import io
import struct

import pytest
from helpers.make_examples import serialized_example
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.records.tfrecord import (
    TFRecordError,
    TruncatedTFRecordError,
    find_records,
    parse_example,
    read_records,
    write_record,
)

# What TensorFlow 2.21 writes: image b"jpeg", label [3, -1], mos [0.5].
BY_TENSORFLOW = bytes.fromhex(
    "40000000000000002817f4950a3e0a110a05696d61676512080a060a046a7065670a180a056c61"
    "62656c120f1a0d0a0b03ffffffffffffffffff010a0f0a036d6f73120812060a040000003f5a45"
    "b258"
)


def file_of(*payloads: bytes) -> io.BytesIO:
    file = io.BytesIO()
    for payload in payloads:
        write_record(file, payload)
    return file


def payloads_of(data: bytes) -> list[bytes]:
    return list(read_records(io.BytesIO(data), len(data)))


def test_what_tensorflow_writes_is_read_and_written_alike():
    [payload] = payloads_of(BY_TENSORFLOW)
    expected = {"image": [b"jpeg"], "label": [3, -1], "mos": [0.5]}
    assert parse_example(payload) == expected
    assert file_of(payload).getvalue() == BY_TENSORFLOW


@settings(deadline=None)
@given(st.lists(st.binary(max_size=100), max_size=5))
def test_records_come_back_in_order(payloads):
    assert payloads_of(file_of(*payloads).getvalue()) == payloads


@settings(deadline=None)
@given(st.binary(max_size=40), st.binary(min_size=1, max_size=40), st.data())
def test_no_changed_byte_is_overlooked(first, second, data):
    whole = bytearray(file_of(first, second).getvalue())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TFRecordError):
        payloads_of(bytes(whole))


@settings(deadline=None)
@given(st.binary(max_size=40), st.data())
def test_a_file_cut_inside_a_record_is_truncated(payload, data):
    whole = file_of(payload).getvalue()
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]
    with pytest.raises(TruncatedTFRecordError):
        payloads_of(cut)


def test_finding_records_reads_no_payload():
    class Counted(io.BytesIO):
        count = 0

        def read(self, size=-1):
            data = super().read(size)
            self.count += len(data)
            return data

    data = file_of(*[bytes(100_000)] * 20).getvalue()
    file = Counted(data)
    places = list(find_records(file, len(data)))
    assert file.count == 20 * 12
    assert {place.size_bytes for place in places} == {100_000}
    assert places[-1].end == len(data)


def test_a_length_beyond_memory_reads_nothing():
    header = struct.pack("<Q", 2**63)
    file = file_of(b"")
    data = bytearray(file.getvalue())
    data[:8] = header
    with pytest.raises(TFRecordError, match="this is no TFRecord file"):
        payloads_of(bytes(data))


def test_other_files_are_no_tfrecords():
    with pytest.raises(TFRecordError, match="this is no TFRecord file"):
        payloads_of(b"\xff\xd8\xff" + bytes(100))


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=10),
        st.one_of(
            st.lists(st.binary(max_size=20), max_size=3),
            st.lists(st.floats(width=32, allow_nan=False), max_size=3),
            st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3),
        ),
        max_size=4,
    )
)
def test_features_come_back_as_protocol_buffers_wrote_them(features):
    assert parse_example(serialized_example(**features)) == features


def test_only_wanted_features_are_returned():
    payload = serialized_example(image=[b"jpeg"], label=[3], text=[b"a"])
    assert parse_example(payload, {"label", "absent"}) == {"label": [3]}


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_an_example_or_an_error(data):
    try:
        found = parse_example(data)
    except TFRecordError:
        return
    assert all(isinstance(name, str) for name in found)


@settings(deadline=None)
@given(st.data())
def test_a_cut_example_is_an_error_or_has_fewer_features(data):
    whole = serialized_example(image=[b"x" * 50], label=[1, 2], score=[0.5])
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    try:
        found = parse_example(cut)
    except TFRecordError:
        return
    assert len(found) < 3
