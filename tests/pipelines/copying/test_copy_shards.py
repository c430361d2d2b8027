"""Photos are copied into shards and training sets, which others can read."""

import io
import json
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.kept_rows import copy_rows, files_below, kept_rows
from helpers.make_images import encoded, noise, write_images
from helpers.make_shards import small_images, tar_of
from helpers.prepared import read_prepared, run_prepare

from pipelines.copying import copy_shard
from schemas.errors import UsageError

MIB = 1 << 20


@pytest.fixture
def photos(tmp_path):
    """Six photos of some 200 kB, of which five fill a shard of 1 MiB."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(6):
        data = encoded(noise(260, 300, number))
        (folder / f"p{number}.png").write_bytes(data)
    return folder


def members_of(path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {one.name: tar.extractfile(one).read() for one in tar}


def test_webdataset_shards_hold_photos_and_what_the_ledger_says(photos, tmp_path):
    rows = kept_rows(photos)
    done = copy_rows(rows, tmp_path / "kept", "webdataset", shard_mib=1)
    assert done.code == 0
    assert list(files_below(tmp_path / "kept")) == ["000000.tar", "000001.tar"]
    first, second = (members_of(tmp_path / "kept" / f"00000{n}.tar") for n in (0, 1))
    assert len(first) == 10
    samples = first | second
    for number, row in enumerate(rows):
        name = f"{number:09d}"
        assert samples[f"{name}.png"] == (photos / f"p{number}.png").read_bytes()
        said = json.loads(samples[f"{name}.json"])
        assert (said["uri"], said["musiq_tiny"]) == (row["uri"], float(number))
    assert done.report[0]["target"] == "000000.tar#000000000.png"


def test_parquet_shards_hold_photos_and_the_ledgers_columns(photos, tmp_path):
    rows = kept_rows(photos)
    done = copy_rows(rows, tmp_path / "kept", "parquet", shard_mib=1)
    assert done.code == 0
    tables = [
        pq.read_table(path) for path in sorted((tmp_path / "kept").glob("*.parq*"))
    ]
    assert [table.num_rows for table in tables] == [5, 1]
    table = pa.concat_tables(tables)
    assert table.column("uri").to_pylist() == [row["uri"] for row in rows]
    for number, image in enumerate(table.column("image").to_pylist()):
        assert image["path"] == f"{number:09d}.png"
        assert image["bytes"] == (photos / f"p{number}.png").read_bytes()


@pytest.mark.parametrize("layout", ["webdataset", "parquet"])
def test_shards_are_the_same_bytes_and_read_again_for_scoring(photos, tmp_path, layout):
    rows = kept_rows(photos)
    for name in ("one", "two"):
        copy_rows(rows, tmp_path / name, layout, shard_mib=1)
    found = files_below(tmp_path / "one")
    assert found == files_below(tmp_path / "two")
    ending = {"webdataset": "tar", "parquet": "parquet"}[layout]
    again = kept_rows(f"{tmp_path}/one/{{000000..000001}}.{ending}")
    assert sorted(one["sha256"] for one in again) == sorted(
        one["sha256"] for one in rows
    )


@pytest.mark.parametrize("layout", ["webdataset", "parquet"])
def test_a_second_run_compares_shards_and_writes_the_missing_one(
    photos, tmp_path, layout
):
    rows, kept = kept_rows(photos), tmp_path / "kept"
    copy_rows(rows, kept, layout, shard_mib=1)
    whole = files_below(kept)
    first, second = sorted(path for path in kept.iterdir() if path.is_file())
    second.unlink()
    for number in range(5):
        (photos / f"p{number}.png").unlink()  # their shard is there
    done = copy_rows(rows, kept, layout, shard_mib=1)
    assert done.code == 0, done.failures
    assert (done.counts.copied, done.counts.already_there) == (1, 5)
    assert files_below(kept) == whole
    first.write_bytes(b"mine")
    done = copy_rows(rows, kept, layout, shard_mib=1)
    assert (done.counts.already_there, done.counts.failed) == (1, 5)
    assert "the shard in the target cannot be read" in next(
        iter(done.failures.values())
    )
    assert first.read_bytes() == b"mine"


def test_a_shard_of_other_photos_is_left_alone(photos, tmp_path):
    rows, kept = kept_rows(photos), tmp_path / "kept"
    copy_rows(rows, kept, "webdataset", shard_mib=1)
    other = tar_of([("000000000.png", b"x"), ("000000009.png", b"y")])
    (kept / "000000.tar").write_bytes(other)
    done = copy_rows(rows, kept, "webdataset", shard_mib=1)
    assert done.counts.failed == 5
    assert (kept / "000000.tar").read_bytes() == other


@pytest.mark.parametrize("layout", ["webdataset", "parquet"])
def test_a_photo_that_changed_is_in_no_shard_and_stays_failed(photos, tmp_path, layout):
    rows, kept = kept_rows(photos), tmp_path / "kept"
    path = photos / "p1.png"
    path.write_bytes(b"another photo")
    done = copy_rows(rows, kept, layout, shard_mib=1)
    assert done.code == 3
    assert (done.counts.copied, done.counts.failed) == (5, 1)
    again = copy_rows(rows, kept, layout, shard_mib=1)
    assert (again.counts.already_there, again.counts.failed) == (5, 1)
    assert "it failed when its shard was written" in again.failures[str(path)]


def test_a_shard_without_a_photo_is_not_written(photos, tmp_path):
    rows, kept = kept_rows(photos), tmp_path / "kept"
    for path in photos.iterdir():
        path.unlink()
    done = copy_rows(rows, kept, "webdataset", shard_mib=1)
    assert (done.code, done.counts.failed) == (3, 6)
    assert files_below(kept) == {}


def test_a_killed_shard_leaves_nothing_and_is_written_again(
    photos, tmp_path, monkeypatch
):
    rows, kept = kept_rows(photos), tmp_path / "kept"
    fetch = copy_shard.fetch_kept

    def killed(photos):
        yield from list(fetch(photos))[:1]
        raise KeyboardInterrupt

    monkeypatch.setattr(copy_shard, "fetch_kept", killed)
    with pytest.raises(KeyboardInterrupt):
        copy_rows(rows, kept, "webdataset", shard_mib=1)
    assert files_below(kept) == {}
    monkeypatch.setattr(copy_shard, "fetch_kept", fetch)
    assert copy_rows(rows, kept, "webdataset", shard_mib=1).counts.copied == 6


def test_packed_photos_lie_together_in_shards(tmp_path):
    images = small_images(8)
    for number in (0, 1):
        members = [(f"{n}.png", data) for n, data in enumerate(images[number::2])]
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"{number}.tar").write_bytes(tar_of(members))
    rows = kept_rows(f"{tmp_path}/in/{{0..1}}.tar")
    mixed = rows[::2] + rows[1::2]
    done = copy_rows(mixed, tmp_path / "kept", "webdataset")
    assert done.code == 0
    found = members_of(tmp_path / "kept" / "000000.tar")
    sources = [json.loads(v)["uri"] for n, v in found.items() if n.endswith("json")]
    assert sources == sorted(sources)
    assert sorted(v for n, v in found.items() if n.endswith("png")) == sorted(images)


def test_a_training_set_is_prepared_as_it_is(tmp_path):
    write_images(tmp_path / "photos" / "x, y", 10)
    rows = kept_rows(tmp_path / "photos")
    kept = tmp_path / "kept"
    done = copy_rows(rows, kept, "training", label="musiq_tiny")
    assert done.code == 0
    assert (kept / "labels.csv").read_text().splitlines()[:2] == [
        "image,mos",
        '"images/x, y/image-000.png",0',
    ]
    prepared = tmp_path / "prepared"
    outcome = run_prepare("csv", kept, prepared, "--scale", 0, 10)
    assert outcome.code == 0, outcome.err
    examples = read_prepared(prepared).examples
    assert len(examples) == 10
    assert "10 images" not in outcome.err


def test_a_training_set_needs_a_number_for_every_photo(photos, tmp_path):
    rows = kept_rows(photos)
    with pytest.raises(ValueError, match="a training set has a label"):
        copy_rows(rows, tmp_path / "kept", "training")
    with pytest.raises(UsageError, match="'format' is string, and labels are numbers"):
        copy_rows(rows, tmp_path / "kept", "training", label="format")
    rows[2]["musiq_tiny"] = None
    with pytest.raises(UsageError, match=r"p2\.png has no 'musiq_tiny'"):
        copy_rows(rows, tmp_path / "kept", "training", label="musiq_tiny")
    assert not (tmp_path / "kept").exists()


def test_a_tar_has_neither_times_nor_owners(photos, tmp_path):
    copy_rows(kept_rows(photos), tmp_path / "kept", "webdataset")
    data = (tmp_path / "kept" / "000000.tar").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert {(m.mtime, m.uid, m.uname, m.mode) for m in tar} == {(0, 0, "", 0o644)}
