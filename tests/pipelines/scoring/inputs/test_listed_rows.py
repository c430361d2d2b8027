"""Manifests whose rows say what a listing says: no photo is looked up one by one."""

import datetime
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.scoring.input import InputError
from pipelines.scoring.inputs import list_input, resolve_inputs
from pipelines.scoring.planning.look_up import look_up_known
from pipelines.scoring.reading.fetch import FetchedImage, fetch_image
from pipelines.scoring.shards.shard import Shard
from pipelines.storage import StoredObject, storage_for
from schemas.failures import Failure
from schemas.ledger import VERSION_KEY

MAX_BYTES = 10_000


def write_manifest(path, rows: list[dict]):
    """Write rows as what the name says; a missing value is null or empty."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        sign = "," if path.suffix == ".csv" else "\t"
        lines = [names, *([str(row.get(n, "")) for n in names] for row in rows)]
        path.write_text("\n".join(sign.join(line) for line in lines))


SUFFIXES = pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])


@SUFFIXES
def test_a_manifest_with_generations_and_sizes_is_a_listing(
    double, tmp_path, suffix, carried
):
    rows = []
    for number in range(30):
        double.put(f"{number}.jpg", b"x" * number)
        found = double.find(f"{number}.jpg")
        uri = f"gs://musiq-test/{number}.jpg"
        told = {"generation": found.generation, "size_bytes": number}
        rows.append({"uri": uri, "caption": f"c{number}"} | told)
    manifest = tmp_path / f"m.{suffix}"
    write_manifest(manifest, rows)
    buckets = ["gs://musiq-test"]
    [one] = resolve_inputs([str(manifest)], uri_column="uri", allowed=buckets)
    refs = [ref for ref in list_input(one) if hasattr(ref, "uri")]
    assert look_up_known(refs, {ref.uri for ref in refs}) == refs
    read = [fetch_image(ref, max_file_bytes=MAX_BYTES) for ref in refs]
    assert [len(one.data) for one in read] == list(range(30))
    assert [one.row.generation for one in read] == [str(r["generation"]) for r in rows]
    assert "stat" not in double.requests
    assert carried(manifest).schema.names == ["caption"]


def test_a_photo_that_changed_since_is_told_as_of_a_listing(double, tmp_path):
    double.put("a.jpg", b"before")
    before = double.find("a.jpg").generation
    double.put("a.jpg", b"after!")
    manifest = tmp_path / "m.csv"
    uri = "gs://musiq-test/a.jpg"
    write_manifest(manifest, [{"uri": uri, "generation": before, "size_bytes": 6}])
    buckets = ["gs://musiq-test"]
    [one] = resolve_inputs([str(manifest)], uri_column="uri", allowed=buckets)
    row = fetch_image(next(iter(list_input(one))), max_file_bytes=MAX_BYTES)
    assert (row.failure, row.generation) == (Failure.CHANGED, str(before))


@SUFFIXES
def test_local_rows_are_spelled_as_ledgers_spell_them(refs, tmp_path, suffix):
    (tmp_path / "a.jpg").write_bytes(b"12")
    found = storage_for("").stat(str(tmp_path / "a.jpg"))
    row = {"uri": "a.jpg", "generation": found.generation, "size_bytes": 2}
    time = found.modified_at.isoformat()
    write_manifest(tmp_path / f"m.{suffix}", [row | {"modified_at": time}])
    [ref] = refs(tmp_path / f"m.{suffix}")
    assert ref.listed == found
    assert isinstance(fetch_image(ref, max_file_bytes=MAX_BYTES), FetchedImage)
    (tmp_path / "a.jpg").write_bytes(b"34")
    assert fetch_image(ref, max_file_bytes=MAX_BYTES).failure is Failure.CHANGED


def test_a_ledger_of_old_pins_a_file_by_its_time(refs, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"12")
    time = (tmp_path / "a.jpg").stat().st_mtime_ns
    row = {"uri": "a.jpg", "generation": str(time), "size_bytes": 2}
    write_manifest(tmp_path / "m.csv", [row])
    [ref] = refs(tmp_path / "m.csv")
    assert isinstance(fetch_image(ref, max_file_bytes=MAX_BYTES), FetchedImage)


@SUFFIXES
def test_one_column_alone_is_carried_and_its_photos_are_looked_up(
    refs, carried, tmp_path, suffix
):
    for name in ("generation", "size_bytes"):
        write_manifest(tmp_path / f"m.{suffix}", [{"uri": "a.jpg", name: "7"}])
        [ref] = refs(tmp_path / f"m.{suffix}")
        assert ref.listed is None
        assert carried(tmp_path / f"m.{suffix}").to_pydict() == {f"input_{name}": ["7"]}


@SUFFIXES
def test_rows_that_lack_a_value_are_looked_up(refs, tmp_path, suffix):
    rows = [
        {"uri": "a.jpg", "generation": "1:2:3", "size_bytes": "4"},
        {"uri": "b.jpg", "generation": "1:2:3", "size_bytes": ""},
        {"uri": "c.jpg", "generation": "", "size_bytes": "4"},
        {"uri": "", "generation": "1:2:3", "size_bytes": "4"},
    ]
    write_manifest(tmp_path / f"m.{suffix}", rows)
    found = refs(tmp_path / f"m.{suffix}")
    assert [ref.listed is not None for ref in found] == [True, False, False, False]


def test_rows_of_a_folder_of_parts_are_listings_too(refs, tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "_SUCCESS").touch()
    for part in range(2):
        row = {"uri": f"{part}.jpg", "generation": "1:2:3", "size_bytes": part}
        write_manifest(tmp_path / "t" / f"part-{part}.parquet", [row])
    found = refs(tmp_path / "t")
    assert [ref.listed.size_bytes for ref in found] == [0, 1]


def test_a_shard_that_a_row_names_is_looked_at_itself(tmp_path):
    row = {"uri": "a.tar", "generation": "nonsense", "size_bytes": 4}
    write_manifest(tmp_path / "m.csv", [row])
    (tmp_path / "a.tar").touch()
    [one] = resolve_inputs([str(tmp_path / "m.csv")], uri_column="uri")
    [shard] = list_input(one)
    assert isinstance(shard, Shard)
    assert shard.listed is None


def test_an_s3_generation_is_the_etag_quoted_or_not(refs, tmp_path):
    uri, etag = "s3://photos/a.jpg", "9b2cf535f27731c974343645a3985328-2"
    time = "2026-01-02 03:04:05+01:00"
    rows = [
        {"uri": uri, "generation": text, "size_bytes": 4, "modified_at": time}
        for text in (etag, f'"{etag}"')
    ]
    write_manifest(tmp_path / "m.parquet", rows)
    listed = StoredObject(
        uri=uri,
        size_bytes=4,
        generation=etag,
        modified_at=datetime.datetime(2026, 1, 2, 2, 4, 5, tzinfo=datetime.UTC),
    )
    found = refs(tmp_path / "m.parquet", allowed=["s3://photos"])
    assert [ref.listed for ref in found] == [listed, listed]


def test_times_of_parquet_are_read_as_utc(refs, tmp_path):
    time = datetime.datetime(2026, 1, 2, 3, 4, 5)
    table = pa.table(
        {
            "uri": ["a.jpg"],
            "generation": ["1:2:3"],
            "size_bytes": pa.array([4], pa.uint32()),
            "modified_at": pa.array([time], pa.timestamp("ns")),
        }
    )
    pq.write_table(table, tmp_path / "m.parquet")
    [ref] = refs(tmp_path / "m.parquet")
    assert ref.listed.modified_at == time.replace(tzinfo=datetime.UTC)


GOOD = {"uri": "gs://b/a.jpg", "generation": "1", "size_bytes": "2"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"generation": "1:2:3"},
            "has generation '1:2:3', and a generation of gs:// is",
        ),
        ({"generation": "-1"}, "has generation '-1', and a generation of gs://"),
        ({"uri": "s3://b/a", "generation": 'a"b'}, "and one of s3:// is an ETag"),
        ({"uri": "s3://b/a", "generation": "a b"}, "and one of s3:// is an ETag"),
        ({"uri": "a.jpg", "generation": "v3"}, "one of a local file is as ledgers"),
        ({"size_bytes": "-1"}, "has size_bytes '-1', and a size is a number of bytes"),
        ({"size_bytes": "9" * 19}, "and a size is a number of bytes"),
        ({"size_bytes": "2 kB"}, "has size_bytes '2 kB', and a size is"),
        ({"modified_at": "yesterday"}, "has modified_at 'yesterday', and a time is as"),
    ],
    ids=str,
)
@SUFFIXES
def test_what_no_listing_says_is_told_with_file_and_row(
    refs, tmp_path, suffix, changes, told
):
    manifest = tmp_path / f"m.{suffix}"
    good = GOOD | ({"modified_at": ""} if "modified_at" in changes else {})
    write_manifest(manifest, [good, good, good | changes])
    with pytest.raises(InputError) as caught:
        refs(manifest, allowed=["gs://b", "s3://b"])
    message = str(caught.value)
    assert f"{manifest}#row=2 has " in message
    assert told in message
    assert "correct it, or rename the column so that its photos are" in message
    assert "\n" not in message


@pytest.mark.parametrize("value", [True, 1.5, ["1"], {"a": 1}])
@pytest.mark.parametrize("name", ["generation", "size_bytes", "modified_at"])
@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_values_of_other_types_are_told_too(refs, tmp_path, suffix, name, value):
    manifest = tmp_path / f"m.{suffix}"
    write_manifest(manifest, [GOOD | {name: value}])
    with pytest.raises(InputError, match=f"m.{suffix}#row=0 has {name} "):
        refs(manifest, allowed=["gs://b"])


def test_the_rows_of_an_earlier_ledger_are_no_listing(refs, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"12")
    row = {"uri": "a.jpg", "generation": "1:2:3", "size_bytes": 2}
    table = pa.Table.from_pylist([row])
    pq.write_table(table, tmp_path / "list.parquet")
    ledger = table.replace_schema_metadata({VERSION_KEY: b"3"})
    pq.write_table(ledger, tmp_path / "ledger.parquet")
    [listed] = refs(tmp_path / "list.parquet")
    assert listed.listed.generation == "1:2:3"
    [ref] = refs(tmp_path / "ledger.parquet")
    assert ref.listed is None
