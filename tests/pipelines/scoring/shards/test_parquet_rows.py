import dataclasses
import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.make_shards import HUGGING_FACE, write_hugging_face

from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.inputs import list_input, resolve_inputs
from pipelines.scoring.reading.fetch import fetch_image, fetch_together
from pipelines.scoring.reading.gather import piece_of
from pipelines.scoring.shards.list_shard import list_shard
from pipelines.scoring.shards.parquet_rows import rows_together
from pipelines.scoring.shards.shard import Shard
from schemas.failures import Failure
from schemas.ledger import LedgerRow


def refs(path, **settings) -> list[ImageRef]:
    [one] = resolve_inputs([str(path)], uri_column="uri", **settings)
    [shard] = list_input(one)
    assert isinstance(shard, Shard)
    return [one for one in list_shard(shard) if isinstance(one, ImageRef)]


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


IMAGES = [b"aa", b"bb", b"aa", b"cc"]
LISTS_OF_BYTES = pa.list_(pa.binary())
STRUCT_OF_WORDS = pa.struct({"bytes": pa.dictionary(pa.int8(), pa.binary())})


@pytest.mark.parametrize(
    "column",
    [
        *(pa.array(IMAGES, kind) for kind in (pa.binary(), pa.large_binary())),
        *(pa.array(IMAGES, kind) for kind in (pa.binary_view(), pa.binary(2))),
        pa.array(IMAGES).dictionary_encode(),
        pa.array(IMAGES, pa.large_binary()).dictionary_encode(),
        *(
            pa.array([list(data) for data in IMAGES], kind)
            for kind in (
                *(pa.list_(pa.uint8()), pa.list_(pa.int8()), pa.large_list(pa.uint8())),
                pa.list_(pa.uint8(), 2),
            )
        ),
        pa.array([{"bytes": data} for data in IMAGES], HUGGING_FACE),
        pa.array([{"bytes": data} for data in IMAGES], STRUCT_OF_WORDS),
        pa.array(
            [{"bytes": list(data)} for data in IMAGES],
            pa.struct({"bytes": pa.list_(pa.uint8())}),
        ),
        pa.array(
            [{"a": {"b": {"bytes": data}}} for data in IMAGES],
            pa.struct({"a": pa.struct({"b": HUGGING_FACE})}),
        ),
    ],
    ids=lambda column: str(column.type),
)
@pytest.mark.parametrize("use_dictionary", [True, False])
@pytest.mark.parametrize("group", [2, 100])
def test_bytes_of_every_arrow_type_are_read_alike(path, column, use_dictionary, group):
    table = pa.table({"png": column, "label": range(4)})
    pq.write_table(table, path, use_dictionary=use_dictionary, row_group_size=group)
    found = refs(path)
    assert [ref.uri for ref in found] == [f"{path}#row={n}" for n in range(4)]
    pieces = [found[:2], found[2:]] if group == 2 else [found]
    assert [one.data for piece in pieces for one in fetch(*piece)] == IMAGES


@pytest.mark.parametrize(
    "kind",
    [
        *(LISTS_OF_BYTES, pa.large_list(pa.large_binary())),
        *(pa.list_(HUGGING_FACE), pa.list_(STRUCT_OF_WORDS)),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["images", "image"])
def test_every_image_of_a_list_is_a_row(path, kind, name):
    is_struct = pa.types.is_struct(kind.value_type)
    rows = [[b"a", b"b"], [], None, [b"c", None], [b"d"]]
    if is_struct:
        rows = [row and [{"bytes": data} for data in row] for row in rows]
    table = pa.table({name: pa.array(rows, kind), "q": ["v", "w", "x", "y", "z"]})
    pq.write_table(table, path)
    found = refs(path)
    names = ("0&item=0", "0&item=1", "1", "2", "3&item=0", "3&item=1", "4&item=0")
    assert [ref.uri for ref in found] == [f"{path}#row={name}" for name in names]
    assert [ref.carried for ref in found] == [(letter,) for letter in "vvwxyyz"]
    fetched = fetch(*found)
    data = [getattr(one, "data", None) for one in fetched]
    assert data == [b"a", b"b", None, None, b"c", None, b"d"]
    assert {one.failure for one in fetched if isinstance(one, LedgerRow)} == {
        Failure.EMPTY
    }


def test_images_of_a_list_are_keyed_by_their_files(path):
    rows = [[{"bytes": b"a", "path": "a.png"}, {"bytes": b"b", "path": None}]]
    pq.write_table(pa.table({"images": pa.array(rows, pa.list_(HUGGING_FACE))}), path)
    assert [ref.key for ref in refs(path)] == ["a.png", "a.parquet#row=0&item=1"]


@pytest.mark.parametrize("rows", [[[1, 2, 300]], [[1, -1]], [[1, None]]])
def test_lists_of_numbers_that_are_no_bytes_are_no_images(path, rows):
    pq.write_table(pa.table({"image": pa.array(rows, pa.list_(pa.int64()))}), path)
    [one] = fetch(*refs(path))
    assert one.failure is Failure.NOT_AN_IMAGE


@pytest.mark.parametrize("kind", [pa.uint8(), pa.int16(), pa.int64()])
def test_lists_of_numbers_are_images_unless_another_column_is(path, kind):
    numbers = pa.array([list(IMAGES[0]), list(IMAGES[1])], pa.list_(kind))
    pq.write_table(pa.table({"jpg": numbers, "n": [1, 2]}), path)
    assert [one.data for one in fetch(*refs(path))] == IMAGES[:2]
    columns = {"bytes": pa.array([[1], [2]], pa.list_(pa.int64())), "img": IMAGES[:2]}
    pq.write_table(pa.table(columns), path)
    assert [one.data for one in fetch(*refs(path))] == IMAGES[:2]


@pytest.mark.parametrize("has_statistics", [True, False])
@pytest.mark.parametrize("has_bytes", [True, False])
def test_a_path_without_bytes_is_the_file_beside(path, has_statistics, has_bytes):
    (path.parent / "sub").mkdir()
    (path.parent / "sub" / "b.png").write_bytes(b"beside")
    values = [
        *([{"bytes": b"inside", "path": "a.png"}] if has_bytes else []),
        {"bytes": None, "path": "sub/b.png"},
        {"bytes": None, "path": "absent.png"},
    ]
    table = pa.table({"image": pa.array(values, HUGGING_FACE), "n": range(len(values))})
    pq.write_table(table, path, write_statistics=has_statistics)
    found = refs(path)
    *inside, beside, absent = (fetch_image(ref, max_file_bytes=99) for ref in found)
    assert [one.data for one in inside] == [b"inside"] * has_bytes
    assert beside.data == b"beside"
    assert absent.failure is Failure.NOT_FOUND
    assert [ref.key for ref in found[-2:]] == ["sub/b.png", "absent.png"]
    assert found[-2].uri == f"{path.parent}/sub/b.png"
    assert [ref.carried for ref in found] == [(n,) for n in range(len(values))]


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x.png", "sub/../../x.png", "gs://b/x.png", "http://h/x"]
)
def test_a_path_that_leads_out_of_the_folder_is_a_row_that_names_it(path, name):
    values = [{"bytes": None, "path": name}]
    pq.write_table(pa.table({"image": pa.array(values, HUGGING_FACE)}), path)
    [ref] = refs(path)
    assert (ref.uri, ref.key) == (f"{path}#row=0", name)
    assert ref.refusal[0] is Failure.FORBIDDEN_URI
    assert f"the row has no bytes, and {name!r} is not read" in ref.refusal[1]


def test_a_page_that_does_not_match_its_checksum_is_not_read(path):
    images = [bytes([n]) * 5000 for n in range(4)]
    table = pa.table({"png": images})
    options = {"write_page_checksum": True, "compression": "none"}
    pq.write_table(table, path, row_group_size=2, use_dictionary=False, **options)
    data = bytearray(path.read_bytes())
    data[data.index(images[3]) + 100] ^= 1
    path.write_bytes(data)
    found = refs(path)
    assert [one.data for one in fetch(*found[:2])] == images[:2]
    rows = fetch(*found[2:])
    assert {row.failure for row in rows} == {Failure.UNREADABLE}
    assert "CRC" in rows[0].failure_detail


def test_rows_without_bytes_are_empty_and_large_ones_too_large(path):
    values = [
        {"bytes": b"small", "path": "a"},
        {"bytes": None, "path": "/etc/passwd"},
        None,
        {"bytes": b"x" * 100, "path": "b"},
    ]
    pq.write_table(pa.table({"image": pa.array(values, HUGGING_FACE)}), path)
    found = refs(path)
    small, null, large = fetch(*found[:1], *found[2:], max_file_bytes=99)
    assert small.data == b"small"
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


@pytest.mark.parametrize(
    ("group_rows", "on_cpus"),
    [(1, 64), (64, 64), (256, 64), (1000, 250), (3999, 1000), (100_000, 1000)],
)
def test_pieces_of_a_row_group_are_small_on_cpus_and_few(group_rows, on_cpus):
    assert rows_together(group_rows, is_fast=False) == on_cpus
    assert rows_together(group_rows, is_fast=True) == 1000


@pytest.mark.parametrize(("rows_of_a_page", "times"), [(8, 3.0), (1024, 4.1)])
def test_what_pieces_on_cpus_read_again_is_bounded(
    double, tmp_path, rows_of_a_page, times
):
    random = np.random.default_rng(0)
    images = [random.bytes(200_000) for _ in range(256)]
    options = {"use_dictionary": False, "write_batch_size": rows_of_a_page}
    pq.write_table(pa.table({"jpg": images}), tmp_path / "a.parquet", **options)
    double.put("a.parquet", (tmp_path / "a.parquet").read_bytes())
    found = refs("gs://musiq-test/a.parquet")

    def read(is_fast: bool) -> tuple[int, int]:
        """Read all pieces; gives how many they are, and how much was read."""
        double.downloaded_bytes = 0
        pieces = itertools.groupby(found, lambda one: piece_of(one, is_fast=is_fast)[0])
        fetched = [fetch(*piece) for _, piece in pieces]
        assert [one.data for piece in fetched for one in piece] == images
        return len(fetched), double.downloaded_bytes

    (whole, at_once), (pieces, in_pieces) = read(True), read(False)
    assert (whole, pieces) == (1, 4)
    assert in_pieces < times * at_once
