"""What is written is what is read back, by musiq's own readers and by others'."""

import csv
import json

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.local_server import environment
from hypothesis import given, settings

from pipelines.scoring.input import InputKind
from pipelines.scoring.inputs.listed_rows import Told
from pipelines.scoring.inputs.manifest_names import kind_of_name
from pipelines.scoring.inputs.manifests import named_images
from pipelines.selecting.outputs.csv_list import defused
from pipelines.selecting.outputs.list_format import ListFormat
from pipelines.selecting.outputs.new_output import require_new_output
from pipelines.selecting.outputs.uri_list import one_line
from pipelines.selecting.outputs.write_list import write_list
from pipelines.storage import StorageError, resolve, storage_for
from schemas.errors import UsageError
from schemas.ledger import VERSION_KEY

SCHEMA = pa.schema(
    [
        pa.field("uri", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("camera", pa.string()),
        pa.field("size_bytes", pa.int64()),
        pa.field("generation", pa.string()),
        pa.field("musiq_koniq", pa.float32()),
        pa.field("vanished", pa.bool_()),
        pa.field("scored_at", pa.timestamp("us", "UTC")),
        pa.field("hash", pa.binary()),
        pa.field("votes", pa.list_(pa.float32())),
    ],
    metadata={VERSION_KEY: b"3", b"other": b"x"},
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
HOSTILE = st.sampled_from(["=1+1", "@x", "-2", "+3", "\tx", "\rx", "'=1", "''-", "a"])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "uri": TEXTS.map(lambda text: f"gs://b/{text.replace(chr(0), '')}"),
            "key": TEXTS,
            "camera": st.none() | TEXTS | HOSTILE,
            "size_bytes": st.integers(0, 2**63 - 1),
            "generation": st.integers(0, 10**18).map(str),
            "musiq_koniq": st.none() | st.floats(width=32, allow_nan=False),
            "vanished": st.none() | st.booleans(),
            "scored_at": st.none() | st.datetimes(timezones=st.just(None)),
            "hash": st.none() | st.binary(max_size=4),
            "votes": st.none() | st.lists(st.floats(0, 1, width=32), max_size=3),
        }
    ),
    max_size=8,
)


def batches_of(rows: list[dict], schema=SCHEMA) -> list[pa.RecordBatch]:
    table = pa.Table.from_pylist(rows, schema=schema)
    return table.to_batches(max_chunksize=3)


def write(rows, uri, schema=SCHEMA) -> int:
    uri = str(uri)
    return write_list(batches_of(rows, schema), schema, uri, ListFormat.of(uri))


def row(uri="/p/a.jpg", key="a.jpg", **other) -> dict:
    return {name: None for name in SCHEMA.names} | {"uri": uri, "key": key} | other


def named(path) -> list:
    kind = kind_of_name(str(path)) or InputKind.PARQUET
    return list(named_images(str(path), kind, "uri"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lists")


@settings(max_examples=30)
@given(ROWS)
@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_list_is_a_listing_for_scoring(folder, ending, rows):
    path = folder / f"kept.{ending}"
    path.unlink(missing_ok=True)
    assert write(rows, path) == len(rows)
    if ending == "jsonl" and not rows:
        return
    found = named(path)
    assert [one.name for one in found] == [one["uri"] for one in rows]
    for image, wanted in zip(found, rows, strict=True):
        assert Told(*map(str, image.told[:2])) == Told(
            wanted["generation"], str(wanted["size_bytes"])
        )


@settings(max_examples=30)
@given(ROWS)
def test_parquet_has_every_value_and_no_ledgers_version(folder, rows):
    path = folder / "all.parquet"
    path.unlink(missing_ok=True)
    write(rows, path)
    table = pq.read_table(path)
    assert table.equals(pa.Table.from_pylist(rows, schema=SCHEMA))
    assert table.schema.metadata == {b"other": b"x"}


@settings(max_examples=30)
@given(ROWS)
def test_csv_has_every_text_and_number_and_no_formula(folder, rows):
    path = folder / "all.csv"
    path.unlink(missing_ok=True)
    write(rows, path)
    with path.open(newline="") as file:
        found = list(csv.DictReader(file, strict=True))
    for cells, wanted in zip(found, rows, strict=True):
        camera = cells["camera"]
        assert not camera.startswith(("=", "+", "-", "@", "\t", "\r"))
        is_marked = camera.lstrip("'")[:1] in tuple("=+-@\t\r") and camera[:1] == "'"
        assert (camera[1:] if is_marked else camera) == (wanted["camera"] or "")
        score = cells["musiq_koniq"]
        is_same = score and np.float32(score) == np.float32(wanted["musiq_koniq"])
        assert is_same or (score == "" and wanted["musiq_koniq"] is None)
        assert cells["votes"] == "" or len(json.loads(cells["votes"])) == len(
            wanted["votes"]
        )


def test_csv_numbers_stay_numbers_and_names_of_columns_are_defused(tmp_path):
    schema = pa.schema([("uri", pa.string()), ("=x", pa.float32()), ("n", pa.int64())])
    write([{"uri": "/a", "=x": -0.1, "n": -5}], tmp_path / "a.csv", schema)
    assert (tmp_path / "a.csv").read_text() == '"uri","\'=x","n"\n"/a",-0.1,-5\n'


@given(st.lists(TEXTS | HOSTILE, max_size=5, unique=True))
def test_defused_texts_stay_different(given_texts):
    found = defused(pa.array(given_texts, pa.string())).to_pylist()
    assert len(set(found)) == len(given_texts)


@settings(max_examples=30)
@given(ROWS)
def test_json_lines_have_every_value(folder, rows):
    path = folder / "all.jsonl"
    path.unlink(missing_ok=True)
    write(rows, path)
    found = [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]
    for line, wanted in zip(found, rows, strict=True):
        for name in ("uri", "key", "camera", "size_bytes", "vanished"):
            assert line[name] == wanted[name]
        score = wanted["musiq_koniq"]
        is_finite = score is not None and abs(score) != float("inf")
        assert line["musiq_koniq"] == (pytest.approx(score) if is_finite else None)
        if is_finite:
            assert np.float32(line["musiq_koniq"]) == np.float32(score)


LOCAL = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)


@settings(max_examples=50)
@given(st.lists(LOCAL.map(lambda n: resolve(f"/p/{n}".replace("\0", ""), base=None))))
def test_a_uri_list_names_what_it_was_given(folder, uris):
    path = folder / "all.txt"
    path.unlink(missing_ok=True)
    write([row(uri=uri) for uri in uris], path)
    found = [resolve(one.name, base=str(folder)) for one in named(path)]
    assert found == uris


def test_a_uri_list_refuses_an_objects_name_with_a_line_break(tmp_path):
    with pytest.raises(UsageError, match=r"gs://b/a\\nb\.jpg has a line break"):
        write([row(uri="gs://b/a\nb.jpg")], tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []
    assert one_line("gs://b/a\tb") == "gs://b/a\tb"
    assert one_line("file:///a%FFb") == "file:///a%FFb"


def test_metadata_of_hugging_face_names_files_below_the_folder(tmp_path):
    rows = [
        row("/p/x/a.jpg", "x/a.jpg", musiq_koniq=0.1),
        row("gs://b/..%2F/é.png", "../é.png"),
        row("/s/0000.tar#dir/b.jpg", "dir/b"),
    ]
    write(rows, tmp_path / "metadata.jsonl")
    found = [json.loads(one) for one in (tmp_path / "metadata.jsonl").open()]
    names = [one["file_name"] for one in found]
    assert names == ["x/a.jpg", "%2E%2E/é.png", "0000/dir/b.jpg"]
    assert next(iter(found[0])) == "file_name"
    assert found[0]["musiq_koniq"] == 0.1


def test_metadata_of_hugging_face_refuses_two_photos_of_one_name(tmp_path):
    rows = [row("/p/A.jpg", "A.jpg"), row("/q/a.jpg", "a.jpg")]
    with pytest.raises(UsageError, match="1 photos have the name of another one"):
        write(rows, tmp_path / "metadata.jsonl")
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=20))
def test_uids_are_datacomps(folder, given_uids):
    path = folder / "all.npy"
    path.unlink(missing_ok=True)
    schema = pa.schema([("uri", pa.string()), ("uid", pa.string())])
    rows = [{"uri": f"/{n}", "uid": one.hex()} for n, one in enumerate(given_uids)]
    assert write(rows, path, schema) == len(rows)
    found = np.load(path, allow_pickle=False)
    # As the filter of DataComp's baselines makes them.
    uids = [one.hex() for one in given_uids]
    wanted = np.array(
        [(int(one[:16], 16), int(one[16:32], 16)) for one in uids], np.dtype("u8,u8")
    )
    wanted.sort()
    assert found.dtype == wanted.dtype
    assert found.tolist() == wanted.tolist()


def test_uids_are_never_made_up(tmp_path):
    path = tmp_path / "kept.npy"
    with pytest.raises(UsageError, match=r"ends in \.npy needs the column 'uid'"):
        write([row()], path)
    schema = pa.schema([("uid", pa.string())])
    for wrong in (None, "", "12", "g" * 32):
        with pytest.raises(UsageError, match="32 hexadecimal digits"):
            write([{"uid": wrong}], path, schema)
    assert list(tmp_path.iterdir()) == []


def test_an_index_names_the_kept_members_of_each_shard(tmp_path):
    uris = ["/s/1.tar#b.jpg", "/s/0.tar#z#.jpg", "/s/1.tar#a.jpg", "gs://x/2.tgz#é"]
    path = tmp_path / "kept.json"
    assert write([row(uri=uri) for uri in uris], path) == 4
    assert json.loads(path.read_text("utf-8")) == {
        "__kind__": "musiq-kept-members-v1",
        "shardlist": [
            {"url": "/s/0.tar", "kept": 1, "members": ["z#.jpg"]},
            {"url": "/s/1.tar", "kept": 2, "members": ["a.jpg", "b.jpg"]},
            {"url": "gs://x/2.tgz", "kept": 1, "members": ["é"]},
        ],
    }
    for other in ("/p/a.jpg", "/p/a.parquet#row=3"):
        with pytest.raises(UsageError, match=f"{other} is no member of a tar shard"):
            write([row(uri=other)], tmp_path / "other.json")


@pytest.mark.parametrize(
    "name",
    ["a.parquet", "a.csv", "a.txt", "a.jsonl", "metadata.jsonl", "a.json", "a.npy"],
)
def test_no_rows_are_a_whole_file_and_the_same_rows_the_same_bytes(tmp_path, name):
    schema = SCHEMA.append(pa.field("uid", pa.string()))
    assert write([], tmp_path / "none" / name, schema) == 0
    assert (tmp_path / "none" / name).exists()
    uri = "/s/{}.tar#a"
    rows = [row(uri.format(n), str(n), uid=f"{n:032x}") for n in range(7)]
    for folder in ("first", "second"):
        assert write(rows, tmp_path / folder / name, schema) == 7
    first, second = (tmp_path / one / name for one in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_an_output_that_exists_is_refused_and_stays(tmp_path):
    path = tmp_path / "kept.csv"
    path.write_text("mine")
    for call in (require_new_output, lambda uri: write([row()], uri)):
        with pytest.raises(UsageError, match="exists already; remove it, or name"):
            call(str(path))
    assert path.read_text() == "mine"
    with pytest.raises(UsageError, match="is a folder; name a file in it"):
        require_new_output(str(tmp_path))
    with pytest.raises(UsageError, match="names no file: ftp:// is not read"):
        require_new_output("ftp://x/kept.csv")


def test_a_list_that_fails_midway_leaves_nothing(tmp_path):
    def broken():
        yield from batches_of([row()] * 4)
        raise StorageError("the ledger is incomplete")

    for name in ("a.parquet", "a.csv", "a.txt", "a.jsonl"):
        uri = str(tmp_path / name)
        with pytest.raises(StorageError, match="incomplete"):
            write_list(broken(), SCHEMA, uri, ListFormat.of(uri))
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises((StorageError, UsageError), match=r"file/kept\.csv"):
        write([row()], tmp_path / "file" / "kept.csv")


def test_an_unknown_ending_names_the_known_ones():
    with pytest.raises(UsageError, match=r"end in one of \.parquet, \.csv, \.txt, "):
        ListFormat.of("kept.xlsx")
    assert ListFormat.of("gs://b/x.d/metadata.jsonl") is ListFormat.HUGGING_FACE
    assert ListFormat.of("KEPT.CSV") is ListFormat.CSV
    assert ListFormat.of("my-metadata.jsonl") is ListFormat.JSON_LINES


@pytest.mark.parametrize("store", ["gcs", "s3"])
def test_lists_go_to_buckets(request, store, tmp_path):
    emulator = request.getfixturevalue(store)
    with environment(emulator.env):
        uri = f"{emulator.uri}/{tmp_path.name}/kept.csv"
        assert write([row()] * 5, uri) == 5
        with storage_for(uri).open_read(uri) as file:
            assert file.read().count(b"\n") == 6
        with pytest.raises(UsageError, match="exists already"):
            write([row()], uri)
