"""Files that hold many images: tar shards, Parquet and TFRecords."""

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from helpers.make_examples import serialized_example
from helpers.make_images import encoded, noise

from pipelines.records.tfrecord import write_record

HUGGING_FACE = pa.struct({"bytes": pa.binary(), "path": pa.string()})


def small_images(count: int) -> list[bytes]:
    """PNGs of different shapes, as `write_images` writes them."""
    return [
        encoded(noise(20 + index * 7 % 90, 20 + index * 13 % 120, index))
        for index in range(count)
    ]


def tar_of(
    members: Iterable[tuple[str, bytes] | tarfile.TarInfo],
    *,
    form: int = tarfile.PAX_FORMAT,
) -> bytes:
    """An archive of files, and of members without data that are given as they are."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return file.getvalue()


def special_member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A link, a device, a folder: a member without data."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def write_hugging_face(
    path: Path, images: list[bytes | None], *, group: int = 3, **columns: list[Any]
) -> None:
    """Parquet with a column `image` of structs."""
    values = [{"bytes": d, "path": f"{n}.png"} for n, d in enumerate(images)]
    table = pa.table({"image": pa.array(values, HUGGING_FACE), **columns})
    pq.write_table(table, path, row_group_size=group)


def write_tfrecord(path: Path, images: list[bytes], *, feature="image/encoded") -> None:
    """One Example an image, with a label beside it."""
    with path.open("wb") as file:
        for index, data in enumerate(images):
            features = {feature: [data], "image/class/label": [index]}
            write_record(file, serialized_example(**features))


def write_img2dataset(folder: Path, rows: list[tuple[str, str, bytes | None]]) -> None:
    """`00000.tar` and the ledger beside it, of keys, statuses and images."""
    columns = {
        "url": [f"http://host/{key}.jpg" for key, _, _ in rows],
        "key": [key for key, _, _ in rows],
        "status": [status for _, status, _ in rows],
        "error_message": [None if s == "success" else "HTTP 404" for _, s, _ in rows],
        "width": [32 if s == "success" else None for _, s, _ in rows],
    }
    pq.write_table(pa.table(columns), folder / "00000.parquet")
    members = [(f"{key}.jpg", data) for key, _, data in rows if data is not None]
    (folder / "00000.tar").write_bytes(tar_of(members))


def write_renamed(path: Path, table: pa.Table, names: dict[str, bytes]) -> None:
    """Parquet in which names of columns are other bytes, as long, and maybe no text."""
    file = io.BytesIO()
    pq.write_table(table, file, store_schema=False)
    data = file.getvalue()
    for name, other in names.items():
        assert len(name) == len(other)
        data = data.replace(name.encode(), other)
    path.write_bytes(data)
