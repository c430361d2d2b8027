"""Reads the data sets that lie beside the repository."""

import csv
import dataclasses
import functools
import io
import os
import pathlib
import tarfile
import urllib.parse

import numpy as np
import zstandard

SHARED = pathlib.Path(__file__).parents[2].parent / "shared"


@functools.cache
def golden() -> dict[str, np.ndarray]:
    """Images and the numbers of the published implementation, by array name."""
    with np.load(SHARED / "golden" / "musiq_parity_public.npz") as arrays:
        return dict(arrays)


@dataclasses.dataclass(frozen=True)
class BadInput:
    name: bytes
    data: bytes
    allowed: tuple[str, ...]  # "score" or "dead:FAILURE", the preferred one first


@functools.cache
def bad_inputs() -> tuple[BadInput, ...]:
    """Damaged, hostile and merely unusual files with their allowed outcomes."""
    folder = SHARED / "bad_inputs"
    with (folder / "files.tar.zst").open("rb") as file:
        archive = zstandard.ZstdDecompressor().stream_reader(file).read()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        files = {
            os.fsencode(member.name.removeprefix("./")): content.read()
            for member in tar.getmembers()
            if (content := tar.extractfile(member))
        }
    with (folder / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [urllib.parse.unquote_to_bytes(row["name"]) for row in rows]
    return tuple(
        BadInput(name, files[name], tuple(row["expected"].split("|")))
        for name, row in zip(names, rows, strict=True)
    )
