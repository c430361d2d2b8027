import dataclasses

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.make_shards import HUGGING_FACE, write_hugging_face

from pipelines.scoring.fetch import fetch_together
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.inputs import list_input, resolve_inputs
from pipelines.scoring.shards.list_shard import list_shard
from pipelines.scoring.shards.shard import Shard
from schemas.failures import Failure


def refs(path) -> list[ImageRef]:
    [one] = resolve_inputs([str(path)], uri_column="uri")
    [shard] = list_input(one)
    assert isinstance(shard, Shard)
    return list(list_shard(shard))


def fetch(*some: ImageRef, max_file_bytes: int = 10**6):
    return list(fetch_together(some, max_file_bytes=max_file_bytes))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.parquet"


def test_exactly_the_wanted_rows_are_read(path):
    images = [bytes([n]) * (n + 1) for n in range(30)]
    write_hugging_face(path, images, group=20)
    found = refs(path)
    wanted = [0, 1, 7, 8, 9, 19]
    fetched = fetch(*(found[n] for n in wanted))
    assert [one.data for one in fetched] == [images[n] for n in wanted]
    assert [one.row.uri for one in fetched] == [found[n].uri for n in wanted]
    assert [one.row.size_bytes for one in fetched] == [n + 1 for n in wanted]
    assert [one.data for one in fetch(found[25])] == [images[25]]


@pytest.mark.parametrize("data_type", [pa.binary(), pa.large_binary()])
def test_plain_and_dictionary_columns_are_read_alike(path, data_type):
    images = [b"a", b"b", b"a"]
    column = pa.array(images, data_type)
    pq.write_table(pa.table({"png": column}), path, use_dictionary=True)
    assert [one.data for one in fetch(*refs(path))] == images


def test_rows_without_bytes_are_empty_and_large_ones_too_large(path):
    values = [
        {"bytes": b"small", "path": "a"},
        {"bytes": None, "path": "/etc/passwd"},
        None,
        {"bytes": b"x" * 100, "path": "b"},
    ]
    pq.write_table(pa.table({"image": pa.array(values, HUGGING_FACE)}), path)
    small, missing, null, large = fetch(*refs(path), max_file_bytes=99)
    assert small.data == b"small"
    assert (missing.failure, missing.key) == (Failure.EMPTY, "/etc/passwd")
    assert null.failure is Failure.EMPTY
    assert large.failure is Failure.TOO_LARGE


def test_a_file_replaced_after_it_was_listed_is_changed(path):
    write_hugging_face(path, [b"x"] * 3)
    found = refs(path)
    write_hugging_face(path, [b"yy"] * 3)
    assert {row.failure for row in fetch(*found)} == {Failure.CHANGED}


def test_a_file_deleted_after_it_was_listed_is_not_found(path):
    write_hugging_face(path, [b"x"] * 3)
    found = refs(path)
    path.unlink()
    assert {row.failure for row in fetch(*found)} == {Failure.NOT_FOUND}


def test_a_damaged_page_costs_only_the_rows_behind_it(path):
    images = [bytes([n]) * 5000 for n in range(4)]
    write_hugging_face(path, images, group=2)
    start = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + 30] = b"\xff" * 30
    path.write_bytes(data)
    found = refs(path)
    assert [one.data for one in fetch(*found[:2])] == images[:2]
    rows = fetch(*found[2:])
    assert {row.failure for row in rows} == {Failure.UNREADABLE}
    assert all("\n" not in row.failure_detail for row in rows)


def test_a_row_that_the_group_does_not_have_is_truncated(path):
    write_hugging_face(path, [b"x"])
    [ref] = refs(path)
    beyond = dataclasses.replace(ref, part=dataclasses.replace(ref.part, row=5))
    assert fetch(beyond)[0].failure is Failure.TRUNCATED
