import io
import tarfile

import pytest
from helpers.make_shards import special_member, tar_of
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.records.tar import (
    MemberKind,
    TarError,
    TruncatedTarError,
    find_members,
)

FORMS = (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)
names = st.text(
    st.characters(exclude_characters="\0/", exclude_categories=("Cs",)), min_size=1
)
members = st.lists(
    st.tuples(
        st.lists(names, min_size=1, max_size=12).map("/".join), st.binary(max_size=1500)
    ),
    max_size=6,
)


def found_in(data: bytes):
    return list(find_members(io.BytesIO(data), len(data)))


@settings(deadline=None)
@given(members, st.sampled_from(FORMS))
def test_members_lie_where_tarfile_finds_them(members, form):
    data = tar_of(members, form=form)
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape") as tar:
        expected = [
            (info.name.encode("utf-8", "surrogateescape"), info.offset_data, info.size)
            for info in tar
        ]
    found = found_in(data)
    assert [(one.name, one.start, one.size_bytes) for one in found] == expected
    for one, (name, content) in zip(found, members, strict=True):
        assert one.name == name.encode()
        assert data[one.start : one.start + one.size_bytes] == content


def test_names_that_are_not_utf_8_keep_their_bytes():
    data = tar_of([("caf\udce9.jpg", b"x")], form=tarfile.GNU_FORMAT)
    [found] = found_in(data)
    assert found.name == b"caf\xe9.jpg"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (tarfile.SYMTYPE, MemberKind.LINK),
        (tarfile.LNKTYPE, MemberKind.LINK),
        (tarfile.CHRTYPE, MemberKind.SPECIAL),
        (tarfile.BLKTYPE, MemberKind.SPECIAL),
        (tarfile.FIFOTYPE, MemberKind.SPECIAL),
        (tarfile.DIRTYPE, MemberKind.FOLDER),
    ],
)
def test_what_is_no_file_is_told_and_does_not_hide_the_next(kind, expected):
    special = special_member("x.jpg", kind, "/etc/passwd")
    special.size = 0
    one, after = found_in(tar_of([special, ("y.jpg", b"y")]))
    assert one.kind is expected
    assert (after.name, after.kind) == (b"y.jpg", MemberKind.FILE)


def test_only_headers_and_the_end_mark_are_read():
    class Counted(io.BytesIO):
        count = 0

        def read(self, size=-1):
            data = super().read(size)
            self.count += len(data)
            return data

    data = tar_of([(f"{n}.jpg", bytes(100_000)) for n in range(20)])
    file = Counted(data)
    assert len(list(find_members(file, len(data)))) == 20
    behind = len(data) - 20 * (512 + -(-100_000 // 512) * 512)
    assert file.count == 20 * 512 + behind


@settings(deadline=None)
@given(st.integers(1, 40_000))
def test_a_cut_archive_is_never_taken_for_a_whole_one(length):
    data = tar_of([(f"{n}.jpg", bytes(9000)) for n in range(5)])
    end_mark = 5 * (512 + 9216)
    cut = data[: min(length, end_mark + 511)]
    with pytest.raises(TarError):
        found_in(cut)


def test_an_archive_without_end_mark_gives_its_members_first():
    data = tar_of([("a.jpg", b"a"), ("b.jpg", b"b")])
    found = find_members(io.BytesIO(data[:2048]), 2048)
    assert [next(found).name, next(found).name] == [b"a.jpg", b"b.jpg"]
    with pytest.raises(TruncatedTarError, match="without its end mark"):
        next(found)


def damaged(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]


def with_checksum(header: bytes) -> bytes:
    blank = damaged(header, 148, b" " * 8)
    return damaged(header, 148, b"%06o\0 " % sum(blank))


def test_a_damaged_header_is_no_end():
    data = tar_of([("a.jpg", b"a"), ("b.jpg", b"b")])
    with pytest.raises(TarError, match="damaged header at byte 1024"):
        found_in(damaged(data, 1030, b"\xff"))


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (b"\xff" * 12, "impossible size"),
        (b"\x80" + b"\xff" * 11, "impossible size"),
        (b"\x80" + bytes(3) + b"\x7f" + b"\xff" * 7, "ends inside the member"),
        (b"77777777777\0", "ends inside the member"),
        (b"nonsense!!!!", "no tar archive"),
    ],
)
def test_absurd_sizes_are_refused(size, message):
    data = tar_of([("a.jpg", b"a")])
    header = with_checksum(damaged(data[:512], 124, size))
    with pytest.raises(TarError, match=message):
        found_in(header + data[512:])


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g", b"X"])
def test_an_extension_header_of_absurd_length_is_not_read(kind):
    data = tar_of([("a.jpg", b"a")])
    header = damaged(damaged(data[:512], 124, b"77777777777\0"), 156, kind)

    class Stingy(io.BytesIO):
        def read(self, size=-1):
            assert 0 <= size <= 512
            return super().read(size)

    data = with_checksum(header) + data[512:]
    with pytest.raises(TarError, match="a header of 8589934591 bytes"):
        list(find_members(Stingy(data), len(data)))


@pytest.mark.parametrize(
    "record",
    [
        *(b"9 path=", b"99 path=a\n", b"0 path=a\n", b"path", b"12 size=-5\n\n\n"),
        b"28 size=9999999999999999999\n",
    ],
)
def test_damaged_pax_records_are_refused(record):
    extension = tar_of([("x", record)])
    header = with_checksum(damaged(extension[:512], 156, b"x"))
    data = header + extension[512:1024] + tar_of([("a.jpg", b"a")])
    with pytest.raises(TarError, match=r"damaged|impossible"):
        found_in(data)


def test_sparse_members_of_both_forms_are_told():
    old = tar_of([("a.jpg", b"data")], form=tarfile.GNU_FORMAT)
    old = with_checksum(damaged(old[:512], 156, b"S")) + old[512:]
    [found] = found_in(old)
    assert found.kind is MemberKind.SPARSE
    info = tarfile.TarInfo("a.jpg")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    [found] = found_in(tar_of([info]))
    assert found.kind is MemberKind.SPARSE


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no tar archive"),
        (b"name" + bytes(2000), "it begins otherwise"),
        (b"\xff\xd8\xff" + bytes(2000), "it is a JPEG picture"),
        (b"<!DOCTYPE html>" + bytes(2000), "it is a web page"),
        (b"PK\x03\x04" + bytes(2000), "it is a zip archive"),
        (b"\x1f\x8b\x08" + bytes(range(256)) * 4, r"it is compressed \(gzip\)"),
    ],
)
def test_other_files_are_no_archives(data, message):
    with pytest.raises(TarError, match=message):
        found_in(data)


@settings(deadline=None)
@given(st.integers(0, 4095), st.integers(1, 255))
def test_a_changed_byte_ends_in_members_or_an_error(place, change):
    data = bytearray(tar_of([("a.jpg", b"a" * 600), ("b.jpg", b"b")]))
    data[place] ^= change
    try:
        found = found_in(bytes(data))
    except TarError:
        return
    assert len(found) <= 3


def data_of(found, data: bytes) -> list[bytes]:
    return [data[one.start : one.start + one.size_bytes] for one in found]


FIRST = tar_of([("a.jpg", b"a"), ("b.jpg", b"b" * 600)])
SECOND = tar_of([("c.jpg", b"c")], form=tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    "data",
    [
        FIRST + SECOND,  # cat, with all the padding of both
        FIRST[: 2560 + 1024] + SECOND,  # without the padding behind the end mark
        FIRST[:2560] + bytes(512) + SECOND,  # a lone block of zeros
        FIRST[:2560] + SECOND,  # tar --concatenate
        bytes(1024) + FIRST + bytes(1 << 20) + SECOND,
    ],
)
def test_archives_that_were_joined_are_one(data):
    assert data_of(found_in(data), data) == [b"a", b"b" * 600, b"c"]


@settings(deadline=None)
@given(st.lists(st.tuples(members, st.integers(0, 9)), max_size=4))
def test_joined_archives_have_the_members_of_all(parts):
    data = b"".join(tar_of(some) + bytes(512 * blocks) for some, blocks in parts)
    expected = [name.encode() for some, _ in parts for name, _ in some]
    assert [one.name for one in found_in(data or bytes(1024))] == expected


def test_what_follows_an_end_mark_and_is_no_archive_is_told():
    found = find_members(io.BytesIO(FIRST + b"x" * 1024), None)
    assert [next(found).name, next(found).name] == [b"a.jpg", b"b.jpg"]
    with pytest.raises(TarError, match="end mark at byte 10240 is no archive"):
        next(found)


def test_zeros_without_end_are_not_read():
    class Zeros(io.BytesIO):
        count = 0

        def read(self, size=-1):
            self.count += size
            return super().read(size) if self.count <= 4096 else bytes(size)

    file = Zeros(FIRST)
    with pytest.raises(TarError, match="nothing but zeros follow for 64 MiB"):
        list(find_members(file, None))
    assert file.count < 65 << 20
