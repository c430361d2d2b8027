"""Photos are copied into files: once, as they were scored, over nothing."""

import gzip
import os
import shutil

import pyarrow as pa
import pytest
from helpers.kept_rows import (
    SCHEMA,
    batches_of,
    copy_rows,
    files_below,
    kept_rows,
    run_copy,
)
from helpers.make_images import write_images
from helpers.make_shards import (
    small_images,
    tar_of,
    write_hugging_face,
    write_tfrecord,
)

from pipelines.copying import copy_unit
from pipelines.copying.config import CopyingConfig
from pipelines.copying.finish import LostPhotosError, finish_copy
from pipelines.copying.planning import plan
from pipelines.copying.report import CopyCounts
from schemas.errors import UsageError


@pytest.fixture
def photos(tmp_path):
    write_images(tmp_path / "photos" / "a", 3)
    write_images(tmp_path / "photos" / "b", 2)
    return tmp_path / "photos"


def test_copies_are_the_photos_by_their_keys(photos, tmp_path):
    done = copy_rows(kept_rows(photos), tmp_path / "kept")
    assert done.code == 0
    assert files_below(tmp_path / "kept") == files_below(photos)
    assert (done.counts.kept, done.counts.copied) == (5, 5)
    assert [row["status"] for row in done.report] == ["copied"] * 5
    assert [row["target"] for row in done.report] == sorted(files_below(photos))


def test_a_second_run_copies_only_what_is_missing(photos, tmp_path):
    rows, kept = kept_rows(photos), tmp_path / "kept"
    copy_rows(rows, kept)
    before = {path: path.stat().st_ino for path in kept.rglob("*.png")}
    (kept / "a" / "image-001.png").unlink()
    shutil.rmtree(photos / "b")  # what is there is not read again
    done = copy_rows(rows, kept)
    assert done.code == 0
    assert (done.counts.copied, done.counts.already_there) == (1, 4)
    assert len(files_below(kept)) == 5
    after = {path: path.stat().st_ino for path in kept.rglob("*.png")}
    assert before.keys() == after.keys()
    assert sum(before[path] == after[path] for path in before) >= 4


def test_another_selection_joins_the_same_folder(photos, tmp_path):
    rows, kept = kept_rows(photos), tmp_path / "kept"
    copy_rows(rows[:2], kept)
    done = copy_rows(rows[1:], kept)
    assert (done.counts.copied, done.counts.already_there) == (3, 1)
    assert files_below(kept) == files_below(photos)


def test_a_photo_that_changed_is_refused_and_told(photos, tmp_path):
    rows, kept = kept_rows(photos), tmp_path / "kept"
    changed, same_time, gone = sorted((photos / "a").iterdir())
    changed.write_bytes(b"another photo")
    status = same_time.stat()
    same_time.write_bytes(same_time.read_bytes()[:-1] + b"!")
    os.utime(same_time, ns=(status.st_atime_ns, status.st_mtime_ns))
    gone.unlink()
    done = copy_rows(rows, kept)
    assert done.code == 3
    assert (done.counts.copied, done.counts.failed) == (2, 3)
    assert done.counts.reasons == {"changed": 2, "not_found": 1}
    assert done.failures == {
        str(changed): "changed: the file changed after it was listed",
        str(same_time): "changed: the file changed after it was listed",
        str(gone): "not_found: No such file or directory",
    }
    assert list(files_below(kept)) == ["b/image-000.png", "b/image-001.png"]
    assert copy_rows(rows, kept, max_failure_rate=0.6).code == 0


def test_bytes_that_are_not_those_that_were_scored_are_no_copy(photos, tmp_path):
    rows = kept_rows(photos)
    rows[0]["sha256"] = "0" * 64
    rows[1]["generation"] = None
    done = copy_rows(rows, tmp_path / "kept")
    assert list(done.failures.values()) == [
        "changed: its bytes are not those that were scored",
        "read_error: the ledger does not say which bytes were scored",
    ]
    assert done.counts.copied == 3


def test_a_file_with_another_content_is_left_alone(photos, tmp_path):
    rows, kept = kept_rows(photos), tmp_path / "kept"
    copy_rows(rows[3:], kept)
    mine = kept / "a" / "image-000.png"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    same_size = kept / "a" / "image-001.png"
    same_size.write_bytes(b"x" * rows[1]["size_bytes"])
    done = copy_rows(rows, kept)
    assert done.code == 3
    assert done.failures.keys() == {rows[0]["uri"], rows[1]["uri"]}
    assert "another file has its name in the target" in done.failures[rows[0]["uri"]]
    assert mine.read_bytes() == b"mine"
    assert same_size.read_bytes()[:2] == b"xx"


def test_photos_of_one_name_get_names_of_their_own(tmp_path):
    for folder in ("x", "y"):
        write_images(tmp_path / folder, 2)
    (tmp_path / "y" / "image-000.png").rename(tmp_path / "y" / "IMAGE-000.png")
    rows = kept_rows(tmp_path / "x", tmp_path / "y")
    done = copy_rows(rows[::-1], tmp_path / "kept")
    assert done.code == 0
    names = sorted(files_below(tmp_path / "kept"))
    assert len({name.lower() for name in names}) == 4
    assert names[1:] == sorted(names[1:])
    assert {"image-000.png", "image-001.png"} <= set(names)
    assert sum("~" in name for name in names) == 2


def test_a_name_that_is_a_file_and_a_folder_fails_one_photo(photos, tmp_path):
    rows = kept_rows(photos)[:2]
    rows[0]["key"], rows[1]["key"] = "a", "a/b.png"
    done = copy_rows(rows, tmp_path / "kept")
    assert done.counts.kept == 2
    assert done.counts.failed <= 1  # of two at once either may be first


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "parquet", "tfrecord"])
def test_packed_photos_are_copied(tmp_path, kind):
    images, shard = small_images(5), tmp_path / "shards" / f"0000.{kind}"
    shard.parent.mkdir()
    if kind.startswith("tar"):
        members = [(f"dir/{n}.png", data) for n, data in enumerate(images)]
        data = tar_of(members)
        if kind == "tar.gz":
            data = gzip.compress(data, mtime=0)
        shard.write_bytes(data)
    elif kind == "parquet":
        write_hugging_face(shard, images, group=2)
    else:
        write_tfrecord(shard, images)
    rows = kept_rows(shard)
    chosen = [rows[4], rows[0], rows[2]]
    done = copy_rows(chosen, tmp_path / "kept")
    assert done.code == 0, done.failures
    found = files_below(tmp_path / "kept")
    assert sorted(found.values()) == sorted([images[4], images[0], images[2]])
    assert all(name.endswith(".png") for name in found)
    again = copy_rows(chosen, tmp_path / "kept")
    assert again.counts.already_there == 3
    status = shard.stat()
    shard.write_bytes(shard.read_bytes())
    os.utime(shard, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    refused = copy_rows(rows, tmp_path / "other")
    assert refused.counts.failed == 5
    assert set(refused.failures.values()) == {
        "changed: its file changed after it was scored"
    }


def test_a_file_of_its_own_may_be_called_like_a_packed_one(tmp_path):
    write_images(tmp_path / "photos", 1)
    [path] = (tmp_path / "photos").iterdir()
    path.rename(path.with_name("x.tar#y.png"))
    done = copy_rows(kept_rows(tmp_path / "photos"), tmp_path / "kept")
    assert done.code == 0, done.failures
    assert list(files_below(tmp_path / "kept")) == ["x/y.png"]


def test_a_shard_that_is_gone_fails_its_photos(tmp_path):
    shard = tmp_path / "shards" / "0000.tar"
    shard.parent.mkdir()
    shard.write_bytes(tar_of([("a.png", small_images(1)[0])]))
    rows = kept_rows(shard)
    shard.unlink()
    done = copy_rows(rows, tmp_path / "kept")
    assert list(done.failures.values()) == ["not_found: No such file or directory"]


def test_copies_are_never_put_among_the_photos(photos, tmp_path):
    rows = kept_rows(photos)
    for target in (photos, *(photos / name for name in ("a", "a/kept", "b/../a"))):
        with pytest.raises(UsageError, match=r"is not apart from the photos|not empty"):
            copy_rows(rows, target)
    link = tmp_path / "link"
    link.symlink_to(photos / "a")
    with pytest.raises(UsageError, match="is not apart from the photos in"):
        copy_rows(rows, link / "kept")
    assert len(files_below(photos)) == 5


def test_a_folder_that_holds_other_things_is_refused(photos, tmp_path):
    rows, kept = kept_rows(photos), tmp_path / "kept"
    kept.mkdir()
    (kept / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"is not empty: it holds 'notes\.txt'"):
        copy_rows(rows, kept)
    copy_rows(rows, tmp_path / "tars", "webdataset")
    with pytest.raises(UsageError, match="holds copies laid out as webdataset"):
        copy_rows(rows, tmp_path / "tars")
    with pytest.raises(UsageError, match="holds a copy of other rows"):
        copy_rows(rows[1:], tmp_path / "tars", "webdataset")


def test_rows_without_what_copying_needs_are_refused(photos, tmp_path):
    rows = kept_rows(photos)
    without = pa.schema([field for field in SCHEMA if field.name != "sha256"])
    with pytest.raises(UsageError, match="copying needs the column 'sha256'"):
        copy_rows(rows, tmp_path / "kept", schema=without)


def test_no_rows_are_no_job(tmp_path):
    done = run_copy([], tmp_path / "kept")
    assert (done.code, done.counts.kept) == (0, 0)


def test_a_job_that_was_interrupted_goes_on(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "_FILES_OF_A_UNIT", 2)
    written = copy_unit.report_file

    def fail_once(rows):
        monkeypatch.setattr(copy_unit, "report_file", written)
        raise KeyboardInterrupt

    monkeypatch.setattr(copy_unit, "report_file", fail_once)
    rows, kept = kept_rows(photos), tmp_path / "kept"
    assert run_copy(rows, kept).code == 1
    assert 2 <= len(files_below(kept)) < 5
    done = run_copy(rows, kept)
    assert done.code == 0
    assert done.counts.already_there >= 2
    assert files_below(kept) == files_below(photos)


def test_a_job_tells_what_failed(photos, tmp_path, capsys):
    rows, kept = kept_rows(photos), tmp_path / "kept"
    (photos / "a" / "image-000.png").unlink()
    done = run_copy(rows, kept)
    assert (done.code, done.counts.copied) == (3, 4)
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(
        "musiq select: error: 1 of 5 photos were not copied (1 not_found); "
        f"{kept}/_copy/"
    )


def test_a_unit_that_the_engine_lost_is_told(photos, tmp_path):
    rows = kept_rows(photos)
    config = CopyingConfig(target=str(tmp_path / "kept"))
    made = plan.plan_copy(batches_of(rows, SCHEMA), SCHEMA, config)
    with pytest.raises(LostPhotosError, match="5 photos were to be copied, but 4 are"):
        finish_copy(CopyCounts(kept=4, copied=4), made, config)
