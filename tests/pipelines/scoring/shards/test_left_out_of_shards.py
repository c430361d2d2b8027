"""What shards hold but no row is made of, counted by reason."""

import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.make_shards import special_member, tar_of, write_img2dataset

from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.inputs import list_input, resolve_inputs
from pipelines.scoring.shards.list_shard import list_shard
from pipelines.scoring.shards.shard import Shard
from schemas.left_out import LeftOut

DOWNLOADS = "failed downloads of img2dataset"


def listed(path) -> tuple[list[str], list[LeftOut]]:
    """The keys of a shard's images, and what was left out."""
    [one] = resolve_inputs([str(path)], uri_column="uri")
    [shard] = [named for named in list_input(one) if isinstance(named, Shard)]
    found = list(list_shard(shard))
    return (
        [one.key for one in found if isinstance(one, ImageRef)],
        [one for one in found if isinstance(one, LeftOut)],
    )


@pytest.mark.parametrize("cut", [None, -1000])
def test_what_macos_puts_beside_members_is_left_out_and_counted(tmp_path, cut):
    names = ("a.jpg", "dir/b.jpg")
    members = [(f"{n}", b"x") for n in names]
    doubles = [
        (f"{'/'.join([*n.split('/')[:-1], ''])}._{n.split('/')[-1]}", b"double")
        for n in names
    ]
    archive = tar_of(
        [
            *(doubles[0], members[0], ("._a.json", b"double"), ("a.json", b"{}")),
            *(doubles[1], members[1], ("__MACOSX/dir/c.jpg", b"x"), ("._x.txt", b"")),
        ]
    )
    (tmp_path / "s.tar").write_bytes(archive[:cut])
    keys, left_out = listed(tmp_path / "s.tar")
    assert keys[:2] == ["a", "dir/b"]
    assert {one.reason: one.count for one in left_out} == {
        "AppleDouble files (._*)": 2,
        "folders of the system": 1,
    }


def test_what_macos_puts_between_an_image_and_its_json_parts_no_sample(
    carried, tmp_path
):
    members = [("a.jpg", b"x"), ("._a.json", b"\0\5\x16\7"), ("a.json", b'{"n": 1}')]
    (tmp_path / "s.tar").write_bytes(tar_of(members))
    assert carried(tmp_path / "s.tar").to_pydict() == {"n": [1]}


def test_what_should_describe_images_but_cannot_be_carried_is_counted(tmp_path):
    members = [
        *(("a.jpg", b"x"), ("a.json", b'{"n": 1')),
        *(("b.json", b"\xff\xfe\x00"), ("b.jpg", b"x")),
        *(("c.jpg", b"x"), ("c.txt", bytes((16 << 20) + 1))),
        *(("d.jpg", b"x"), special_member("d.json", tarfile.LNKTYPE, "a.json")),
        *(("e.jpg", b"x"), ("e.json", b"[1]"), ("e.cls", b"2")),
    ]
    (tmp_path / "s.tar").write_bytes(tar_of(members))
    keys, left_out = listed(tmp_path / "s.tar")
    assert keys == ["a", "b", "c", "d", "e"]
    assert left_out == [
        LeftOut(reason="broken JSON beside images", count=2, example="a.json"),
        LeftOut(reason="files beside images of more than 16 MiB", example="c.txt"),
        LeftOut(reason="links to what describes images", example="d.json"),
    ]


@pytest.mark.parametrize("cut", range(1, 6))
def test_broken_json_never_costs_an_image(carried, refs, tmp_path, cut):
    whole = b'{"n": 1}'
    members = [
        *(("a.json", whole[:-cut]), ("a.jpg", b"x")),
        *(("b.jpg", b"x"), ("b.json", whole)),
    ]
    (tmp_path / "s.tar").write_bytes(tar_of(members))
    assert [ref.refusal for ref in refs(tmp_path / "s.tar")] == [None, None]
    assert carried(tmp_path / "s.tar").to_pydict() == {"n": [None, 1]}


def test_members_that_are_no_images_and_describe_none_are_counted(tmp_path):
    images = [("a.jpg", b"x"), ("b.DNG", b"x"), ("c.nef", b"x"), ("c.json", b"{}")]
    others = [("a.npy", b"x"), ("photo", b"x"), ("in.tar", b"x"), ("c.mp4", b"x")]
    (tmp_path / "s.tar").write_bytes(tar_of([*images[:2], *others, *images[2:]]))
    keys, [left_out] = listed(tmp_path / "s.tar")
    assert keys == ["a", "b", "c"]
    assert (left_out.reason, left_out.count, left_out.example) == (
        *("members of archives that are no images", 4),
        "a.npy",
    )


@pytest.mark.parametrize(
    ("names", "count"),
    [
        (["a.json", "b.json", "a.jpg", "b.jpg"], 2),  # tar cf s.tar *.json *.jpg
        (["a.jpg", "b.jpg", "a.json", "a.txt", "b.json"], 3),
        (["a.jpg", "b.json", "b.cls", "c.x.jpg", "c.y.txt"], 3),
        (["a.json", "a.jpg", "a.txt", "b.c.jpg", "b.c.json", "b.txt"], 0),
    ],
)
def test_what_describes_no_image_beside_it_is_counted(tmp_path, names, count):
    (tmp_path / "s.tar").write_bytes(tar_of([(name, b"{}") for name in names]))
    keys, left_out = listed(tmp_path / "s.tar")
    assert len(keys) == sum(name.endswith(".jpg") for name in names)
    reason = "members of archives that describe no image beside them"
    assert {one.reason: one.count for one in left_out} == (
        {reason: count} if count else {}
    )


@pytest.mark.parametrize("has_statistics", [True, False])
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_failed_downloads_in_a_file_of_images_are_left_out(
    tmp_path, has_statistics, kind
):
    statuses = ["success", "failed_to_download", "failed_to_resize", "success"]
    table = pa.table(
        {
            "key": pa.array(["000", "001", "002", "003"], kind),
            "jpg": [b"x", None, None, None],
            "status": pa.array(statuses, kind),
            "error_message": [None, "HTTP Error 404", "too small", None],
        }
    )
    path = tmp_path / "00000.parquet"
    pq.write_table(table, path, write_statistics=has_statistics, row_group_size=3)
    keys, left_out = listed(path)
    assert keys == ["000", "003"]  # what should be there, but is not, is a row
    assert left_out == [LeftOut(reason=DOWNLOADS, count=2, example="001")]


def test_images_of_a_status_of_another_program_are_rows(tmp_path):
    columns = {"key": ["a", "b"], "png": [b"x", b"y"], "status": ["new", "old"]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    assert listed(tmp_path / "a.parquet") == (["a", "b"], [])


def test_failed_downloads_in_a_ledger_beside_an_archive_are_counted(tmp_path):
    rows = [("000", "success", b"x"), ("001", "failed_to_download", None)]
    write_img2dataset(tmp_path, rows)
    assert listed(tmp_path / "00000.parquet") == (
        ["000"],
        [LeftOut(reason=DOWNLOADS, count=1, example="001")],
    )
