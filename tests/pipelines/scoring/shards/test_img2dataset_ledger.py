import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.make_shards import small_images, write_img2dataset

from pipelines.scoring.input import InputError
from pipelines.scoring.reading.fetch import fetch_image
from schemas.failures import Failure


def test_what_was_downloaded_is_read_from_the_archive_beside(refs, carried, tmp_path):
    first, second = small_images(2)
    write_img2dataset(
        tmp_path,
        [
            ("000000000", "success", first),
            ("000000001", "failed_to_download", None),
            ("000000002", "failed_to_resize", None),
            ("000000003", "success", second),
        ],
    )
    found = refs(tmp_path / "00000.parquet")
    assert [ref.uri for ref in found] == [
        f"{tmp_path}/00000.tar#{key}.jpg" for key in ("000000000", "000000003")
    ]
    assert [ref.key for ref in found] == ["000000000", "000000003"]
    last = carried(tmp_path / "00000.parquet").to_pylist()[1]
    assert list(last.values()) == ["http://host/000000003.jpg", None, 32]
    fetched = [fetch_image(ref, max_file_bytes=10**6).data for ref in found]
    assert fetched == [first, second]


def test_an_image_is_the_same_input_by_ledger_and_by_archive(refs, tmp_path):
    write_img2dataset(tmp_path, [("000000000", "success", b"x")])
    [by_ledger], [by_archive] = (
        refs(tmp_path / name) for name in ("00000.parquet", "00000.tar")
    )
    for name in ("uri", "key", "listed", "part"):
        assert getattr(by_ledger, name) == getattr(by_archive, name)


def test_an_image_that_a_torn_archive_lost_is_not_found(refs, tmp_path):
    rows = [(f"{n:09d}", "success", bytes(5000)) for n in range(3)]
    write_img2dataset(tmp_path, rows)
    archive = tmp_path / "00000.tar"
    archive.write_bytes(archive.read_bytes()[:9000])
    whole, cut, lost, shard = refs(tmp_path / "00000.parquet")
    assert (whole.key, whole.refusal) == ("000000000", None)
    assert (cut.key, cut.refusal[0]) == ("000000001", Failure.TRUNCATED)
    assert (lost.key, lost.refusal[0]) == ("000000002", Failure.NOT_FOUND)
    assert (shard.key, shard.refusal[0]) == ("00000.parquet", Failure.TRUNCATED)


def test_a_ledger_without_its_archive_is_told_in_one_line(refs, tmp_path):
    write_img2dataset(tmp_path, [("000000000", "success", b"x")])
    (tmp_path / "00000.tar").unlink()
    with pytest.raises(InputError, match=r"without 00000\.tar beside it"):
        refs(tmp_path / "00000.parquet")


def test_a_manifest_with_a_status_but_no_key_is_none(refs, tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"path": ["a"], "status": ["success"]}), path)
    with pytest.raises(InputError, match="no column 'uri'"):
        refs(path)
