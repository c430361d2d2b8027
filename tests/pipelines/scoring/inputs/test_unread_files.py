"""Containers and lists that are not read are refused before the run, with a cure."""

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pyarrow.orc
import pyarrow.parquet as pq
import pytest
import zstandard
from helpers.make_images import encoded, noise

from pipelines.scoring.input import InputError
from pipelines.scoring.inputs.unread_files import unread_by_bytes, unread_by_name

TABLE = pa.table({"image": [b"x"], "label": [1]})


def zip_of(name: str = "a.jpg") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, b"x")
    return file.getvalue()


def arrow_of(make) -> bytes:
    file = io.BytesIO()
    with make(file, TABLE.schema) as writer:
        writer.write_table(TABLE)
    return file.getvalue()


def written(write) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def sqlite_of(tmp_path) -> bytes:
    with sqlite3.connect(tmp_path / "made") as database:
        database.execute("create table t (a)")
    database.close()
    return (tmp_path / "made").read_bytes()


def ustar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a.jpg"))
    return file.getvalue()


CONTENTS = {
    "a ZIP archive": lambda _: zip_of(),
    "a NumPy file": lambda _: written(lambda f: np.save(f, np.zeros(3))),
    "an Arrow file": lambda _: arrow_of(pa.ipc.new_file),
    "an SQLite database": sqlite_of,
    "an ORC file": lambda _: written(lambda f: pa.orc.write_table(TABLE, f)),
    "a compressed file": lambda _: gzip.compress(b"x"),
    "a tar archive": lambda _: ustar(),
    "a Parquet file": lambda _: written(lambda f: pq.write_table(TABLE, f)),
    "a 7z archive": lambda _: b"7z\xbc\xaf\x27\x1c\0\4",
    "a RAR archive": lambda _: b"Rar!\x1a\x07\x01\0",
    "an HDF5 file": lambda _: b"\x89HDF\r\n\x1a\n\0\0",
    "an Avro file": lambda _: b"Obj\x01\x04",
    "an LMDB database": lambda _: bytes(16) + b"\xde\xc0\xef\xbe\1\0\0\0",
}


@pytest.mark.parametrize("what", CONTENTS)
def test_a_container_is_known_by_its_first_bytes(tmp_path, refs, what):
    (tmp_path / "unnamed").write_bytes(CONTENTS[what](tmp_path))
    with pytest.raises(InputError, match=f"unnamed is {what}, which is not read: "):
        refs(tmp_path / "unnamed")


@pytest.mark.parametrize(
    ("compress", "streamed"),
    [
        (bz2.compress, False),
        (lzma.compress, False),
        (zstandard.compress, False),
        (lambda _: arrow_of(pa.ipc.new_stream), True),
        (lambda _: written(lambda f: pa.feather.write_feather(TABLE, f)), True),
    ],
)
def test_other_forms_of_a_container_are_known_too(compress, streamed):
    found = unread_by_bytes(compress(b"x"))
    assert found is not None
    assert found.what == ("an Arrow file" if streamed else "a compressed file")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("photos.ZIP", "a ZIP archive, .*unpack it, or pack it as .tar"),
        ("images.arrow", "an Arrow file, .*write it as .parquet"),
        ("images.npz", "a NumPy file, .*write its images as files"),
        ("train.h5", "an HDF5 file"),
        ("data.mdb", "an LMDB database"),
        ("list.xlsx", "a spreadsheet, .*save it as .csv"),
        ("photos.7z", "a 7z archive"),
        ("train.rec", "a file of records of another kind"),
        ("manifest.csv.bz2", "a compressed file, .*decompress it"),
        ("annotations.json", "a data file, .*one URI a line"),
    ],
)
def test_a_container_is_known_by_its_name(tmp_path, refs, name, told):
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=f"--input .* is {told}"):
        refs(tmp_path / name)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP"])
def test_an_image_is_none_of_them(format):
    assert unread_by_bytes(encoded(noise(8, 8, 1), format)) is None
    assert unread_by_name(f"a.{format}") is None


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["0.tar", "1.tar"], r"name them by .*/in/\*\.tar$"),
        (["a/0.tar", "index.json", "_SUCCESS"], r"name them by .*/in/\*\*/\*\.tar$"),
        (["t.tfrecord-00000-of-00002"], r"name them by .*/in/\*\.tfrecord\*$"),
        (["x.y.parquet"], r"name them by .*/in/\*\.parquet$"),
        (["data-0.arrow", "state.json"], "each is an Arrow file: write it as .parquet"),
        (["data.mdb", "lock.mdb"], "each is an LMDB database"),
        (["a.zip", "b.zip", "c.tar"], "each is a ZIP archive: unpack it"),
        (["a.tar.gz", "b.tar.gz"], r"name them by .*/in/\*\.tar\.gz$"),
        (["x/a.tar.zst"], r"name them by .*/in/\*\*/\*\.tar\.zst$"),
        (["a.tfrecord.gz"], r"name them by .*/in/\*\.tfrecord\.gz$"),
        (["a.jpg.gz", "b.jpg.zst"], "each is a compressed file: decompress it"),
    ],
)
def test_a_folder_of_nothing_but_containers_is_refused(tmp_path, refs, names, told):
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    with pytest.raises(InputError, match=rf"\(folder\) names no images: .*{told}"):
        refs(tmp_path / "in")


@pytest.mark.parametrize("pattern", ["*.zip", "*", "{0..1}.zip", "list.txt"])
def test_containers_are_refused_however_they_are_named(tmp_path, refs, pattern):
    for number in range(2):
        (tmp_path / f"{number}.zip").write_bytes(zip_of())
    if pattern == "list.txt":
        (tmp_path / pattern).write_text("0.zip\n1.zip\n")
    with pytest.raises(InputError, match="each is a ZIP archive: unpack it"):
        refs(tmp_path / pattern)


def test_a_container_beside_photos_is_a_row(tmp_path, refs):
    for name in ("a.zip", "b.jpg", "c.tar"):
        (tmp_path / name).touch()
    assert [ref.key for ref in refs(tmp_path)] == ["a.zip", "b.jpg", "c.tar"]


def test_a_list_in_json_lines_is_never_one_image(tmp_path, refs):
    lines = "\n".join(json.dumps({"file_name": f"{n}.jpg"}) for n in range(3))
    (tmp_path / "metadata.json").write_text(lines)
    with pytest.raises(InputError, match=r"\.csv, \.tsv or \.parquet manifest"):
        refs(tmp_path / "metadata.json")


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "ndjson.gz", "csv.zst"])
@pytest.mark.parametrize("pattern", ["", "*", "*.*"])
def test_lists_found_by_another_name_are_told_how_to_name(
    tmp_path, refs, suffix, pattern
):
    for number in range(2):
        (tmp_path / f"{number}.{suffix}").touch()
    told = (
        r"names no images to try; left out: 2 texts and tables; .*; lists and "
        rf"manifests are read if they are named by .*/\*\.{suffix}$"
    )
    with pytest.raises(InputError, match=told):
        refs(tmp_path / pattern)


def test_a_list_of_nothing_but_lists_is_refused(tmp_path, refs):
    (tmp_path / "all.txt").write_text("a.csv\nb.jsonl.gz\n")
    told = "its files are lists or manifests; give each by an --input of its own$"
    with pytest.raises(InputError, match=told):
        refs(tmp_path / "all.txt")


def test_packed_texts_beside_photos_are_side_files(tmp_path, refs, left_out):
    for name in ("a.jpg", "list.csv", "list.csv.gz", "x.JSONL.ZST", "log.txt.xz"):
        (tmp_path / name).touch()
    assert [ref.key for ref in refs(tmp_path)] == ["a.jpg"]
    assert left_out(tmp_path) == {"texts and tables": 4}
