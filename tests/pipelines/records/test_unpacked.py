import bz2
import gzip
import io
import lzma
import tracemalloc
import zlib

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.records import unpacked
from pipelines.records.first_bytes import Packing, kind_of_file, packing_of
from pipelines.records.unpacked import PackedError, UnpackedFile

PACK = {
    Packing.GZIP: gzip.compress,
    Packing.ZLIB: zlib.compress,
    Packing.BZIP2: bz2.compress,
    Packing.XZ: lzma.compress,
    Packing.ZSTD: lambda data: pa.compress(data, "zstd", asbytes=True),
}
PACKINGS = list(PACK)


def opened(packed: bytes, packing: Packing) -> UnpackedFile:
    return UnpackedFile(io.BytesIO(packed), packing, len(packed))


@pytest.mark.parametrize("packing", PACKINGS)
@settings(deadline=None, max_examples=20)
@given(st.binary(max_size=3000), st.integers(1, 900), st.integers(0, 900))
def test_what_was_packed_comes_back_piece_by_piece(packing, data, size, skipped):
    packed = PACK[packing](data)
    assert packing_of(packed) is packing
    file, place = opened(packed, packing), 0
    while piece := file.read(size):
        assert piece == data[place : place + size]
        place = file.seek(place + size + skipped)
        assert place == file.tell() == min(len(data), place)
    assert place >= len(data)


@pytest.mark.parametrize("packing", [p for p in PACKINGS if p is not Packing.ZLIB])
def test_files_that_were_joined_are_one(packing):
    packed = PACK[packing](b"a" * 3000) + PACK[packing](b"b" * 3000)
    assert opened(packed, packing).read(9999) == b"a" * 3000 + b"b" * 3000


def test_zeros_between_xz_streams_are_none_of_them():
    packed = lzma.compress(b"a") + bytes(200_000) + lzma.compress(b"b") + bytes(8)
    assert opened(packed, Packing.XZ).read(9) == b"ab"


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("kept", [0.3, 0.99])
def test_a_file_that_was_cut_is_told(packing, kept):
    data = bytes(range(256)) * 400
    packed = PACK[packing](data)
    with pytest.raises(PackedError, match="it cannot be unpacked"):
        opened(packed[: int(kept * len(packed))], packing).read(len(data) + 1)


@pytest.mark.parametrize("packing", [Packing.GZIP, Packing.ZLIB, Packing.XZ])
def test_a_damaged_file_is_told_in_one_line(packing):
    packed = bytearray(PACK[packing](bytes(range(256)) * 400))
    packed[len(packed) // 2] ^= 1
    with pytest.raises(PackedError, match="it cannot be unpacked") as caught:
        opened(bytes(packed), packing).read(1 << 20)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_bomb_is_not_unpacked_and_takes_no_memory(packing, monkeypatch):
    monkeypatch.setattr(unpacked, "_SMALL_BYTES", 4 << 20)
    packed = PACK[packing](bytes(20 << 20))
    file = opened(packed, packing)
    tracemalloc.start()
    with pytest.raises(PackedError, match="more than 100 times its size"):
        file.seek(1 << 40)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20  # whatever the format's own window


def test_memory_that_an_xz_header_asks_for_is_not_given():
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]
    packed = lzma.compress(b"x", filters=filters)
    with pytest.raises(PackedError, match="Memory usage limit"):
        opened(packed, Packing.XZ).read(1)


def test_places_are_only_gone_to_in_order():
    file = opened(gzip.compress(b"abc"), Packing.GZIP)
    file.seek(2)
    with pytest.raises(ValueError, match="cannot go back from 2 to 1"):
        file.seek(1)


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (b"", "empty"),
        (b"\x1f\x8b\x08\0", "compressed (gzip)"),
        (b"PK\x05\x06", "a zip archive"),
        (b"\n <HTML>", "a web page"),
        (b"ARROW1\0\0", "an Arrow file"),
        (b'{"error": 404}', "an answer in JSON"),
        (
            b"version https://git-lfs.github.com/spec/v1",
            "a pointer of Git LFS, not the",
        ),
        (b"xylophone.jpg", None),
        (b"BZh9.jpg", None),
    ],
)
def test_what_a_file_is_stands_in_its_first_bytes(first, kind):
    found = kind_of_file(first)
    assert found == kind or (kind and found.startswith(kind))
