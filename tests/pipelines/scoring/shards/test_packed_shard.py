"""Shards that are compressed as a whole are listed and read as if they were not."""

import bz2
import gzip
import io
import lzma
import tarfile
import zlib

import numpy as np
import pyarrow as pa
import pytest
from helpers.make_examples import serialized_example
from helpers.make_shards import small_images, tar_of, write_tfrecord

from pipelines.records import unpacked
from pipelines.records.tfrecord import write_record
from pipelines.scoring.input import InputError
from pipelines.scoring.reading.fetch import FetchedImage, fetch_image, fetch_together
from pipelines.scoring.reading.gather import _keyed
from schemas.failures import Failure

IMAGES = small_images(6)
PACK = {
    "gz": gzip.compress,
    "zlib": zlib.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: pa.compress(data, "zstd", asbytes=True),
}
MEMBERS = [
    *((f"{n}.png", data) for n, data in enumerate(IMAGES[:3])),
    ("2.json", b'{"caption": "c"}'),
    *((f"{n}.png", data) for n, data in enumerate(IMAGES[3:], 3)),
]


def fetch(refs) -> list:
    return list(fetch_together(refs, max_file_bytes=10**6))


@pytest.mark.parametrize(
    "name",
    [*(f"a.tar.{end}" for end in ("gz", "bz2", "xz", "zst")), "a.tgz", "a.tar"],
)
def test_a_compressed_archive_is_listed_and_read_in_one_go(refs, tmp_path, name):
    end = name.rpartition(".")[2]
    pack = PACK.get(end, gzip.compress)  # a.tar is what its first bytes say
    (tmp_path / name).write_bytes(pack(tar_of(MEMBERS)))
    (tmp_path / "plain.tar").write_bytes(tar_of(MEMBERS))
    found, plain = refs(tmp_path / name), refs(tmp_path / "plain.tar")
    assert [ref.key for ref in found] == [ref.key for ref in plain]
    assert [ref.carried for ref in found] == [ref.carried for ref in plain]
    assert [ref.size_bytes for ref in found] == [len(data) for data in IMAGES]
    assert {key for ref in found for key, _ in _keyed(ref, False)} == {
        (str(tmp_path / name), found[0].listed.generation, "unpacked")
    }
    assert [one.data for one in fetch(found)] == IMAGES
    assert [one.data for one in fetch([found[1], found[4]])] == [IMAGES[1], IMAGES[4]]


@pytest.mark.parametrize("end", ["gz", "bz2", "xz", "zst"])
@pytest.mark.parametrize("in_parts", [False, True])
def test_joined_archives_that_are_compressed_give_the_images_of_all(
    refs, tmp_path, end, in_parts
):
    archives = [tar_of(MEMBERS[:3]), tar_of(MEMBERS[3:])]
    pack = PACK[end]
    data = b"".join(map(pack, archives)) if in_parts else pack(b"".join(archives))
    (tmp_path / f"a.tar.{end}").write_bytes(data)
    found = refs(tmp_path / f"a.tar.{end}")
    assert [one.data for one in fetch(found)] == IMAGES


@pytest.mark.parametrize(
    "name",
    [
        *(f"a.tfrecord.{end}" for end in PACK),
        *("a.tfrecord", "a.tfrecords.gz", "a.tfrec.gz", "a.tfrecord.gz-00000-of-00001"),
        *("a-00000-of-00001.tfrecord.gz", "a.tfrecord-00000-of-00001.gz"),
    ],
)
def test_compressed_records_are_listed_and_read_in_one_go(refs, tmp_path, name):
    write_tfrecord(tmp_path / "plain.tfrecord", IMAGES)
    data = (tmp_path / "plain.tfrecord").read_bytes()
    pack = PACK.get(name.rpartition(".")[2], gzip.compress)
    (tmp_path / name).write_bytes(pack(data))
    found = refs(tmp_path / name)
    assert [ref.uri for ref in found] == [f"{tmp_path}/{name}#{n}" for n in range(6)]
    assert [one.data for one in fetch(found)] == IMAGES
    assert fetch_image(found[3], max_file_bytes=10**6).data == IMAGES[3]


def test_a_record_whose_length_looks_like_gzip_is_none(refs, tmp_path):
    """0x088b1f bytes: the file begins as a gzip file does."""
    path, image = tmp_path / "a.tfrecord", IMAGES[0]
    size = 0x088B1F
    padding = size - len(serialized_example(image=[image], pad=[bytes(size // 2)]))
    payload = serialized_example(image=[image], pad=[bytes(size // 2 + padding)])
    assert len(payload) == size
    with path.open("wb") as file:
        write_record(file, payload)
    assert path.read_bytes()[:3] == b"\x1f\x8b\x08"
    [ref] = refs(path)
    assert fetch_image(ref, max_file_bytes=10**6).data == image


@pytest.mark.parametrize("end", ["gz", "xz", "zst"])
def test_a_compressed_archive_that_was_cut_keeps_what_is_before(refs, tmp_path, end):
    large = [np.random.default_rng(n).bytes(50_000) for n in range(6)]
    data = PACK[end](tar_of([(f"{n}.png", data) for n, data in enumerate(large)]))
    path = tmp_path / f"a.tar.{end}"
    path.write_bytes(data[: len(data) // 2])
    *images, shard = refs(path)
    assert [ref.key for ref in images[:2]] == ["0", "1"]
    assert len(images) <= 3
    assert (shard.uri, shard.refusal[0]) == (str(path), Failure.UNREADABLE)
    assert "it cannot be unpacked" in shard.refusal[1]
    for one, data in zip(fetch(images), large, strict=False):
        if isinstance(one, FetchedImage):
            assert one.data == data
        else:
            assert (one.failure, one.key) == (Failure.UNREADABLE, "2")


def test_an_image_above_the_limit_costs_no_other(refs, tmp_path):
    members = [("a.png", IMAGES[0]), ("b.png", bytes(90_000)), ("c.png", IMAGES[1])]
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(tar_of(members)))
    found = refs(tmp_path / "a.tar.gz")
    first, large, last = fetch_together(found, max_file_bytes=80_000)
    assert (first.data, last.data) == (IMAGES[0], IMAGES[1])
    assert large.failure is Failure.TOO_LARGE


def test_a_damaged_record_of_a_compressed_file_costs_no_other(refs, tmp_path):
    file = io.BytesIO()
    for image in IMAGES[:3]:
        write_record(file, serialized_example(image=[image]))
    data = bytearray(file.getvalue())
    data[data.index(IMAGES[1]) + 50] ^= 1
    (tmp_path / "a.tfrecord.gz").write_bytes(gzip.compress(data))
    first, damaged, last = fetch(refs(tmp_path / "a.tfrecord.gz"))
    assert (first.data, last.data) == (IMAGES[0], IMAGES[2])
    assert damaged.failure is Failure.READ_ERROR


@pytest.mark.parametrize("pack", [gzip.compress, PACK["zst"]])
def test_a_bomb_in_an_archive_ends_with_a_true_reason(
    refs, tmp_path, monkeypatch, pack
):
    monkeypatch.setattr(unpacked, "_SMALL_BYTES", 1 << 20)
    bomb = tarfile.TarInfo("bomb.png")
    bomb.size = 1 << 40
    data = tar_of([("a.png", IMAGES[0])])
    start = data.index(IMAGES[0]) + -(-len(IMAGES[0]) // 512) * 512
    data = data[:start] + bomb.tobuf() + bytes(20 << 20)
    (tmp_path / "a.tar.gz").write_bytes(pack(data))
    first, bomb, shard = refs(tmp_path / "a.tar.gz")
    assert first.key == "a"
    assert "more than 100 times its size" in shard.refusal[1]
    good, large = fetch([first, bomb])
    assert good.data == IMAGES[0]
    assert large.failure is Failure.TOO_LARGE


def test_what_is_compressed_but_no_archive_is_told_in_one_line(refs, tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(b"<html>" * 200))
    with pytest.raises(InputError, match="no tar archive: it is a web page"):
        refs(tmp_path / "a.tar.gz")
    (tmp_path / "a.tfrecord.gz").write_bytes(gzip.compress(IMAGES[0]))
    with pytest.raises(InputError, match="no TFRecord file: it is a PNG picture"):
        refs(tmp_path / "a.tfrecord.gz")
