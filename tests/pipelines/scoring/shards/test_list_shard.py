import os
import pickle

import pytest
from helpers.make_shards import (
    small_images,
    tar_of,
    write_hugging_face,
    write_tfrecord,
)

from pipelines.scoring.input import InputError
from pipelines.scoring.inputs import list_input, resolve_inputs
from pipelines.scoring.shards.list_shard import list_shard
from pipelines.scoring.shards.shard import Shard
from pipelines.storage import StorageError
from schemas.failures import Failure


@pytest.fixture
def shards(tmp_path):
    for number in range(3):
        data = tar_of([(f"{n}.jpg", bytes(n)) for n in range(2)])
        (tmp_path / f"{number:03d}.tar").write_bytes(data)
    return tmp_path


def test_numbered_files_are_all_looked_for(refs, shards):
    found = refs(shards / "{000..003}.tar")
    assert [ref.order for ref in found[:3]] == [(0, 0, 0), (0, 0, 1), (0, 1, 0)]
    missing = found[-1]
    assert (missing.uri, missing.key) == (f"{shards}/003.tar", "003.tar")
    assert missing.refusal[0] is Failure.NOT_FOUND


def test_several_ranges_count_like_nested_loops(refs, shards):
    found = refs(shards / "{0..1}{00..01}.tar")
    expected = [f"{shards}/{n}.tar" for n in ("000", "001", "100", "101")]
    assert list(dict.fromkeys(ref.uri.partition("#")[0] for ref in found)) == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{3..1}.tar", r"the range \{3\.\.1\} runs backwards"),
        ("{0..99999999}.tar", "stands for 100000000 files"),
        ("{a..b}.tar", "no such file or folder"),
    ],
)
def test_ranges_that_cannot_be_meant_are_told(refs, tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        refs(tmp_path / name)


def test_a_file_with_braces_in_its_name_is_taken_literally(refs, tmp_path):
    (tmp_path / "{0..9}.tar").write_bytes(tar_of([("a.jpg", b"x")]))
    [ref] = refs(tmp_path / "{0..9}.tar")
    assert ref.uri == f"{tmp_path}/{{0..9}}.tar#a.jpg"


def test_a_glob_of_shards_lists_the_images_of_each(refs, shards):
    found = refs(shards / "*.tar")
    assert len(found) == 6
    assert found[0].uri == f"{shards}/000.tar#0.jpg"


def test_in_a_folder_every_file_is_an_image(refs, shards):
    (shards / "x.jpg").touch()
    assert [ref.part for ref in refs(shards)] == [None] * 4


def test_a_folder_of_nothing_but_shards_is_refused_with_what_to_name(refs, shards):
    with pytest.raises(InputError, match=r"name them by .*/\*\.tar$"):
        refs(shards)


def test_a_manifest_may_name_shards_whose_images_inherit_its_columns(
    refs, carried, shards
):
    (shards / "m.csv").write_text("uri,source\n000.tar,flickr\n../x.jpg,other\n")
    assert [ref.part is None for ref in refs(shards / "m.csv")] == [False, False, True]
    assert carried(shards / "m.csv").to_pydict() == {
        "source": ["flickr", "flickr", "other"]
    }


def test_columns_of_a_manifest_go_before_those_of_its_shards(carried, tmp_path):
    data = tar_of([("a.jpg", b"x"), ("a.json", b'{"source": "own", "caption": "c"}')])
    (tmp_path / "s.tar").write_bytes(data)
    (tmp_path / "m.csv").write_text("uri,source\ns.tar,flickr\n")
    found = carried(tmp_path / "m.csv")
    assert found.to_pylist() == [{"source": "flickr", "caption": "c"}]


def test_a_list_may_not_name_shards_that_it_may_not_name(refs, tmp_path):
    (tmp_path / "list.txt").write_text("gs://elsewhere/s.tar\nhttp://host/s.tar\n")
    found = refs(tmp_path / "list.txt")
    assert [ref.refusal[0] for ref in found] == [Failure.FORBIDDEN_URI] * 2


def test_a_list_whose_bucket_no_store_can_have_gives_a_row(refs, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"")
    (tmp_path / "list.txt").write_text("a.jpg\ngs://user@host/s.tar\n")
    _, bad = refs(tmp_path / "list.txt")
    assert bad.refusal[0] in (Failure.FORBIDDEN_URI, Failure.UNSAFE_NAME)


def test_a_pipe_is_refused_without_waiting(refs, shards):
    os.mkfifo(shards / "003.tar")
    [ref] = [ref for ref in refs(shards / "*.tar") if ref.refusal]
    assert (ref.key, ref.refusal[0]) == ("003.tar", Failure.UNREADABLE)


def test_a_shard_replaced_while_it_is_listed_fails_the_run(shards):
    [one] = resolve_inputs([str(shards / "*.tar")], uri_column="uri")
    shard = next(list_input(one))
    assert isinstance(shard, Shard)
    os.utime(shards / "000.tar", (1, 1))
    with pytest.raises(StorageError, match=r"000\.tar: the file changed.*run again"):
        list(list_shard(shard))


def test_empty_shards_name_no_images(refs, tmp_path):
    (tmp_path / "a.tar").write_bytes(tar_of([("a.txt", b"")]))
    write_tfrecord(tmp_path / "a.tfrecord", [])
    for name in ("a.tar", "*.tar", "a.tfrecord"):
        with pytest.raises(InputError, match="names no images"):
            refs(tmp_path / name)


def test_a_ref_is_small(refs, shards):
    """Refs cross shuffles by the million."""
    for ref in refs(shards / "*.tar"):
        assert len(pickle.dumps(ref)) < 1000


@pytest.mark.parametrize("name", ["parts.parquet", "images"])
def test_a_folder_of_parts_with_images_has_the_columns_that_its_folders_say(
    refs, carried, tmp_path, name
):
    for number, day in enumerate(("mon", "tue")):
        part = tmp_path / name / f"day={day}" / f"part-{number:05d}.parquet"
        part.parent.mkdir(parents=True)
        write_hugging_face(part, small_images(2), n=[number, number + 10])
    (tmp_path / name / "_temporary").mkdir()
    (tmp_path / name / "_temporary" / "part-00000.parquet").write_bytes(b"PAR1")
    (tmp_path / name / "_SUCCESS").write_bytes(b"")
    assert [ref.key for ref in refs(tmp_path / name)] == ["0.png", "1.png"] * 2
    assert carried(tmp_path / name).to_pydict() == {
        "day": ["mon", "mon", "tue", "tue"],
        "n": [0, 10, 1, 11],
    }


def test_a_damaged_part_is_a_row(refs, tmp_path):
    (tmp_path / "parts").mkdir()
    write_hugging_face(tmp_path / "parts" / "part-0.parquet", small_images(1))
    (tmp_path / "parts" / "part-1.parquet").write_bytes(b"PAR1")
    (tmp_path / "parts" / "_SUCCESS").write_bytes(b"")
    first, damaged = refs(tmp_path / "parts")
    assert (first.refusal, damaged.key) == (None, "part-1.parquet")
    assert damaged.refusal[0] is Failure.UNREADABLE
