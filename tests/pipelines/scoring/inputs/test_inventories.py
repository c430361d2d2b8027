"""Inventory reports of both stores as inputs: listings that cost no listing."""

import datetime
import json

import pytest
from helpers import s3_emulator
from helpers.local_server import environment
from helpers.make_inventories import (
    amazon_file,
    amazon_manifest,
    write_amazon,
    write_google,
)

from pipelines.scoring.choosing.choice import Choice
from pipelines.scoring.input import InputError, InputKind
from pipelines.scoring.inputs import resolve_inputs
from pipelines.scoring.planning.look_up import look_up_known
from pipelines.scoring.reading.fetch import fetch_image
from pipelines.storage import StoredObject
from schemas.failures import Failure

TIME = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
ALLOWED = ["s3://photos", "gs://photos", "gs://musiq-test"]


def amazon_row(key: str, **changes) -> dict:
    row = {
        "bucket": "photos",
        "key": key,
        "version_id": "v1",
        "is_latest": True,
        "is_delete_marker": False,
        "size": len(key),
        "last_modified_date": TIME,
        "e_tag": f"{len(key):032x}-2",
        "storage_class": "STANDARD",
    }
    return row | changes


def google_row(name: str, **changes) -> dict:
    row = {
        "bucket": "photos",
        "name": name,
        "size": len(name),
        "generation": 1_700_000_000_000_000 + len(name),
        "updated": TIME.isoformat(),
        "timeDeleted": "",
        "contentType": "image/jpeg",
    }
    return row | changes


NAMES = ["a b+c/é.jpg", "a/" + "x" * 9 + ".jpg", "z%41.jpg", "z#1?.png"]


@pytest.mark.parametrize("kind", ["CSV", "Parquet", "ORC"])
def test_an_amazon_report_is_a_listing(refs, carried, tmp_path, kind):
    parts = [[amazon_row(name) for name in NAMES[:3]], [amazon_row(NAMES[3])]]
    manifest = write_amazon(tmp_path, parts, kind)
    found = refs(manifest, allowed=ALLOWED)
    assert [ref.key for ref in found] == NAMES
    assert [ref.uri for ref in found] == [f"s3://photos/{name}" for name in NAMES]
    assert [ref.order for ref in found] == [(0, n) for n in range(4)]
    assert found[0].listed == StoredObject(
        uri=found[0].uri,
        size_bytes=len(NAMES[0]),
        generation=f"{len(NAMES[0]):032x}-2",
        modified_at=TIME,
    )
    assert look_up_known(found, {ref.uri for ref in found}) == found
    assert carried(manifest, allowed=ALLOWED).num_columns == 0


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_google_report_is_a_listing(refs, tmp_path, suffix):
    parts = [[google_row(name) for name in NAMES[:3]], [google_row(NAMES[3])]]
    found = refs(write_google(tmp_path, parts, suffix), allowed=ALLOWED)
    assert [ref.uri for ref in found] == [f"gs://photos/{name}" for name in NAMES]
    assert found[0].listed == StoredObject(
        uri=found[0].uri,
        size_bytes=len(NAMES[0]),
        generation=str(1_700_000_000_000_000 + len(NAMES[0])),
        modified_at=TIME,
    )


def test_photos_of_a_report_are_read_as_it_says_without_a_look(double, tmp_path, refs):
    rows = []
    for name, data in (("a.jpg", b"x"), ("b.jpg", b"yy"), ("c.jpg", b"zzz")):
        double.put(name, data)
        told = {"bucket": "musiq-test", "size": len(data)}
        rows.append(google_row(name, generation=double.find(name).generation, **told))
    double.put("c.jpg", b"new")
    double.put("r/manifest.json", b"")
    manifest = write_google(tmp_path, [rows], "csv")
    for path in tmp_path.iterdir():
        double.put(f"r/{path.name}", path.read_bytes())
    found = refs(f"gs://musiq-test/r/{manifest.name}")
    double.requests.clear()
    first, second, third = (fetch_image(ref, max_file_bytes=9) for ref in found)
    assert (first.data, second.data) == (b"x", b"yy")
    assert third.failure is Failure.CHANGED
    assert "list" not in double.requests
    assert double.requests[:2] == ["download"] * 2


def test_a_report_lies_where_its_manifest_says(s3, refs):
    with environment(s3.env):
        client = s3_emulator.client_of(s3.env)
        rows = [amazon_row("a.jpg", bucket="musiq-test")]
        files = {"inv/data/0.csv.gz": amazon_file(rows, "CSV")}
        changes = {"sourceBucket": "musiq-test"}
        manifest = amazon_manifest(files, list(rows[0]), "CSV", **changes)
        files["inv/day/manifest.json"] = manifest
        for key, data in files.items():
            client.put_object(Bucket="musiq-test", Key=key, Body=data)
        [ref] = refs(f"{s3.uri}/inv/day/manifest.json")
        assert ref.uri == f"{s3.uri}/a.jpg"


@pytest.mark.parametrize("kind", ["CSV", "Parquet", "ORC"])
def test_what_is_no_photo_of_an_amazon_report_is_left_out_and_counted(
    refs, left_out, tmp_path, kind
):
    rows = [
        amazon_row("a.jpg"),
        amazon_row("old.jpg", is_latest=False),
        amazon_row("old2.jpg", is_latest=False),
        amazon_row("gone.jpg", is_delete_marker=True, e_tag="", size=0),
        amazon_row("folder/", size=0),
        amazon_row("video.mov"),
        amazon_row("notes.json"),
        amazon_row("thumbs/a.jpg"),
        amazon_row("a.tar"),
    ]
    manifest = write_amazon(tmp_path, [rows], kind)
    settings = {"allowed": ALLOWED}
    keys = [ref.key for ref in refs(manifest, **settings)]
    assert keys == ["a.jpg", "thumbs/a.jpg", "a.tar"]
    assert left_out(manifest, **settings) == {
        "versions that are not the latest": 2,
        "delete markers": 1,
        "videos": 1,
        "texts and tables": 1,
    }


def test_old_versions_of_a_google_report_are_left_out(refs, left_out, tmp_path):
    rows = [google_row("a.jpg"), google_row("a.jpg", timeDeleted=TIME.isoformat())]
    for suffix in ("csv", "parquet"):
        manifest = write_google(tmp_path / suffix, [rows], suffix)
        assert len(refs(manifest, allowed=ALLOWED)) == 1
        told = left_out(manifest, allowed=ALLOWED)
        assert told == {"versions that are not the latest": 1}


def test_patterns_choose_among_the_names_of_a_report(tmp_path, refs, left_out):
    rows = [google_row(name) for name in ("a/x.jpg", "b/x.jpg", "b/y.png")]
    manifest = write_google(tmp_path, [rows], "csv")
    choice = Choice(include=("*.jpg",), exclude=("a/",))
    settings = {"allowed": ALLOWED, "choice": choice}
    assert [ref.key for ref in refs(manifest, **settings)] == ["b/x.jpg"]
    assert sum(left_out(manifest, **settings).values()) == 2


def test_csv_without_a_header_has_the_columns_of_the_configuration(refs, tmp_path):
    config = {
        "csv_options": {"delimiter": ";", "header_required": False},
        "object_metadata_report_options": {
            "metadata_fields": ["name", "size", "generation"],
            "storage_filters": {"bucket": "photos"},
        },
    }
    rows = [{"name": "a;b.jpg", "size": 3, "generation": 7}]
    manifest = write_google(tmp_path, [rows], "csv", config=config)
    [ref] = refs(manifest, allowed=ALLOWED)
    assert (ref.uri, ref.listed.generation) == ("gs://photos/a;b.jpg", "7")
    assert ref.listed.modified_at is None


def refusal(refs, manifest, **settings) -> str:
    with pytest.raises(InputError) as caught:
        refs(manifest, **{"allowed": ALLOWED, **settings})
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["CSV", "Parquet", "ORC"])
@pytest.mark.parametrize("missing", ["size", "e_tag"])
def test_a_report_without_a_needed_column_is_refused(refs, tmp_path, kind, missing):
    row = {name: v for name, v in amazon_row("a.jpg").items() if name != missing}
    told = refusal(refs, write_amazon(tmp_path, [[row]], kind))
    assert "add Size and ETag to the fields of the report" in told
    google = {n: v for n, v in google_row("a").items() if n != "generation"}
    told = refusal(refs, write_google(tmp_path / "g", [[google]], "parquet"))
    assert "add name, size and generation to the fields of the report" in told


def test_a_bucket_that_is_not_allowed_is_told_before_the_run(refs, tmp_path):
    manifest = write_google(tmp_path, [[google_row("a.jpg")]], "csv")
    told = refusal(refs, manifest, allowed=[])
    assert "#row=0: a list names the bucket gs://photos/" in told
    assert "--allow_bucket gs://photos/ would allow it" in told


def test_a_file_with_another_checksum_is_refused(refs, tmp_path):
    manifest = write_amazon(tmp_path, [[amazon_row("a.jpg")]], "CSV")
    [file] = (tmp_path / "data").iterdir()
    file.write_bytes(amazon_file([amazon_row("b.jpg")], "CSV"))
    told = refusal(refs, manifest)
    assert f"{file} has the MD5 checksum " in told
    assert "it was changed or damaged; let the store write" in told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"size": "3 kB"}, "#row=0 has size_bytes '3 kB', and a size is"),
        ({"generation": "x"}, "#row=0 has generation 'x', and a generation of gs://"),
        ({"generation": ""}, "#row=0 lacks its name, size and generation, without"),
        ({"size": ""}, "#row=0 lacks its name, size and generation"),
    ],
    ids=str,
)
def test_a_malformed_row_is_told_with_its_file(refs, tmp_path, changes, told):
    manifest = write_google(tmp_path, [[google_row("a.jpg", **changes)]], "csv")
    message = refusal(refs, manifest)
    assert told in message
    assert message.endswith("let the store write the report anew")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"files": None}, "is missing or malformed"),
        ({"files": [{"key": "a"}]}, "'MD5checksum' is missing"),
        ({"fileFormat": "Avro"}, "files of the format 'Avro'"),
    ],
    ids=str,
)
def test_a_manifest_that_says_too_little_is_told(refs, tmp_path, changes, told):
    manifest = write_amazon(tmp_path, [[amazon_row("a.jpg")]], "CSV")
    found = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(found | changes))
    message = refusal(refs, manifest)
    assert told in message
    assert "name the manifest.json of a finished report" in message


def test_a_report_of_which_files_are_missing_is_told(refs, tmp_path):
    manifest = write_google(tmp_path, [[google_row("a.jpg")]] * 2, "csv")
    found = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(found | {"shard_count": 3}))
    assert "it names 2 of 3 files" in refusal(refs, manifest)


def test_a_damaged_file_of_a_report_is_told(refs, tmp_path):
    manifest = write_google(tmp_path, [[google_row("a.jpg")]], "parquet")
    [file] = tmp_path.glob("*.parquet")
    file.write_bytes(file.read_bytes()[:-9])
    assert f"inventory report {file} cannot be read: " in refusal(refs, manifest)


def test_other_json_is_no_report(refs, tmp_path):
    for content in ("{}", "[1]", "nonsense"):
        (tmp_path / "a.json").write_text(content)
        with pytest.raises(InputError, match="is a data file, which is not read"):
            refs(tmp_path / "a.json")


def test_a_report_is_known_by_its_content(tmp_path):
    manifest = write_google(tmp_path, [[google_row("a.jpg")]], "csv")
    [one] = resolve_inputs([str(manifest)], uri_column="uri", allowed=ALLOWED)
    assert one.kind is InputKind.INVENTORY
