"""Small sound containers and tables of every kind: what damaged ones are made from."""

import bz2
import functools
import gzip
import io
import lzma
import tarfile
import zlib

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from helpers.make_examples import serialized_example
from helpers.make_shards import HUGGING_FACE, special_member, tar_of
from hostile.seed_pictures import good_png

from pipelines.records.tfrecord import write_record

IMAGES = [good_png(seed) for seed in range(3)]
NAMES = ["a.png", "dir/b.png", "Ünï.png"]
LABELS = [1, None, 3]


@functools.cache
def seed_containers() -> dict[str, bytes]:
    """Files by name; the part behind the first dot says what they are."""
    archive, records = _archive(), _records()
    return {
        "plain.tar": archive,
        "gnu.tar": tar_of(zip(NAMES, IMAGES, strict=True), form=tarfile.GNU_FORMAT),
        "joined.tar": archive + _specials(),
        "packed.tar.gz": gzip.compress(archive),
        "packed.tar.zst": pa.compress(archive, "zstd", asbytes=True),
        "packed.tar.bz2": bz2.compress(archive),
        "packed.tar.xz": lzma.compress(archive),
        "plain.tfrecord": records,
        "packed.tfrecord.gz": gzip.compress(records),
        "packed.tfrecord": zlib.compress(records),
        **{f"{name}.parquet": data for name, data in _parquets().items()},
        "table.csv": b'uri,label\na.png,1\n"b, c.png","two\nlines"\n',
        "table.tsv": b'uri\tcaption\na.png\t"half\nb.png\tx\n',
        "list.txt": "a.png\n../b.png\ngs://bucket/c.png\nÜ.png\n".encode(),
        "table.jsonl": b'{"uri": "a.png", "n": 1}\n{"uri": "b.png", "n": {"x": []}}\n',
    }


def with_right_checksums(name: str, data: bytes) -> bytes:
    """Mend the checksums of an archive or of records, as far as they can be found."""
    if name.endswith(".tar"):
        return _tar_with_right_checksums(data)
    if name.endswith(".tfrecord"):
        return _records_with_right_checksums(data)
    return data


def _archive() -> bytes:
    said = [("a.json", b'{"caption": "x", "n": 1.5}'), ("a.txt", b"text")]
    members = list(zip(NAMES, IMAGES, strict=True))
    return tar_of([members[0], *said, *members[1:]])


def _specials() -> bytes:
    link = special_member("link.png", tarfile.SYMTYPE, "/etc/passwd")
    return tar_of([link, ("x" * 150 + ".png", IMAGES[0]), ("._a.png", b"")])


def _records() -> bytes:
    file = io.BytesIO()
    write_record(file, serialized_example(image=IMAGES[:2], label=[1, 2], key=[b"k"]))
    write_record(file, serialized_example(**{"image/encoded": [IMAGES[2]], "x": [0.5]}))
    return file.getvalue()


def _parquets() -> dict[str, bytes]:
    structs = [{"bytes": d, "path": n} for d, n in zip(IMAGES, NAMES, strict=True)]
    without_bytes = [*structs[:1], {"bytes": None, "path": "a.png"}, None]
    numbers = [list(IMAGES[0]), None, [300]]
    tables = {
        "structs": {"image": pa.array(structs, HUGGING_FACE), "label": LABELS},
        "paths": {"image": pa.array(without_bytes, HUGGING_FACE), "label": LABELS},
        "lists": {"images": pa.array([structs, [], None], pa.list_(HUGGING_FACE))},
        "numbers": {"image": pa.array(numbers, pa.list_(pa.int16())), "n": LABELS},
        "words": {"png": pa.array(IMAGES).dictionary_encode(), "key": NAMES},
        "manifest": {"uri": NAMES, "label": LABELS},
    }
    return {name: _parquet(pa.table(columns)) for name, columns in tables.items()}


def _parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=2)
    return file.getvalue()


def _tar_with_right_checksums(data: bytes) -> bytes:
    blocks = np.frombuffer(data[: len(data) // 512 * 512], np.uint8).reshape(-1, 512)
    mended = bytearray(data)
    for number, block in enumerate(blocks):
        if bytes(block[257:262]) == b"ustar":
            total = int(block.sum()) - int(block[148:156].sum()) + 8 * 32
            place = 512 * number + 148
            mended[place : place + 8] = b"%06o\0 " % total
    return bytes(mended)


def _records_with_right_checksums(data: bytes) -> bytes:
    mended, place = bytearray(data), 0
    while place + 12 <= len(data):
        size = int.from_bytes(data[place : place + 8], "little")
        end = place + 12 + size
        mended[place + 8 : place + 12] = _masked(data[place : place + 8])
        if end + 4 > len(data):
            break
        mended[end : end + 4] = _masked(data[place + 12 : end])
        place = end + 4
    return bytes(mended)


def _masked(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return (((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")
