"""Tar archives: where their members lie, found by headers alone. Nothing is extracted.

Stricter than `tarfile`, which takes a damaged header for the end of the archive and
reads extension headers of any length into memory.
"""

import dataclasses
import enum
import re
import tarfile
from collections.abc import Iterator
from typing import BinaryIO

from pipelines.records.first_bytes import kind_of_file

_BLOCK = 512
_ZEROS_MAX_BYTES = 64 << 20
_SIZE_MAX_BYTES = 2**63 - 1
_EXTENSION_MAX_BYTES = 1 << 20
_GNU_IS_EXTENDED, _EXTENDED_IS_EXTENDED = 482, 504
_PAX_RECORD = re.compile(rb"(\d{1,8}) ([^=]+)=")
_SPARSE = b"GNU.sparse."


class TarError(ValueError):
    """A file that is no tar archive, or one with a damaged header."""


class TruncatedTarError(TarError):
    """An archive that ends too early."""


class MemberKind(enum.StrEnum):
    """What a member is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    SPARSE = "sparse file"
    SPECIAL = "device or pipe"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TarMember:
    """One member.

    Attributes:
      name: Exactly as the archive has it.
      kind: What it is.
      start: Offset of its first byte in the archive.
      size_bytes: Its length in the archive; the last of a truncated archive may reach
        beyond the end.
    """

    name: bytes
    kind: MemberKind
    start: int
    size_bytes: int


@dataclasses.dataclass(kw_only=True, slots=True)
class _Extensions:
    """What extension headers say of the member that follows them."""

    name: bytes | None = None
    size_bytes: int | None = None
    is_sparse: bool = False


def find_members(file: BinaryIO, size_bytes: int | None) -> Iterator[TarMember]:
    """Yield the members of an archive in order, reading nothing but headers.

    What follows an end mark, or a lone block of zeros, is read on: archives that were
    written one after the other into one file are one, as for `tar --ignore-zeros`.

    Args:
      file: The archive, uncompressed; it is only sought forwards.
      size_bytes: Its size; None if that is not known.

    Raises:
      TruncatedTarError: Where the archive ends inside a member or without its end mark.
      TarError: Where a header is damaged: what follows cannot be found.
    """
    offset, said, zeros = 0, _Extensions(), 0
    while True:
        file.seek(offset)
        header = file.read(_BLOCK)
        is_zero = not any(header)
        if zeros and is_zero and len(header) < _BLOCK:
            return
        if len(header) < _BLOCK:
            raise _too_short(header, offset)
        if is_zero:
            _require_end_mark(zeros, offset)
            offset, said, zeros = offset + _BLOCK, _Extensions(), zeros + _BLOCK
            continue
        info = _parse(header, offset, is_behind_zeros=zeros > 0)
        start = offset + _BLOCK
        if info.type in _EXTENSIONS:
            _read_extension(file, info, start, said)
            offset = start + _padded(info.size)
            continue
        if info.type == tarfile.GNUTYPE_SPARSE:
            start = _behind_sparse_map(file, header, start)
        member = _member(info, said, start)
        has_data = info.isreg() or info.type not in tarfile.SUPPORTED_TYPES
        size = member.size_bytes if has_data else 0
        yield member
        if size_bytes is not None and start + size > size_bytes:
            raise TruncatedTarError(
                f"the archive ends inside the member at byte {offset}"
            )
        offset, said, zeros = start + _padded(size), _Extensions(), 0


_EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


def _no_archive(header: bytes) -> TarError:
    kind = kind_of_file(header)
    how = f"it is {kind}" if kind else "it begins otherwise"
    return TarError(f"this is no tar archive: {how}")


def _too_short(header: bytes, offset: int) -> TarError:
    if offset == 0:
        return _no_archive(header)
    if header:
        return TruncatedTarError(f"the archive ends inside a header at byte {offset}")
    return TruncatedTarError(
        "the archive ends without its end mark; what wrote it may have been interrupted"
    )


def _require_end_mark(zeros: int, offset: int) -> None:
    """Refuse a run of zeros, this long before `offset`, that no end mark has."""
    if zeros >= _ZEROS_MAX_BYTES:
        raise TarError(
            f"nothing but zeros follow for {_ZEROS_MAX_BYTES >> 20} MiB behind byte "
            f"{offset - zeros}; what lies behind them is not read"
        )


def _parse(header: bytes, offset: int, *, is_behind_zeros: bool) -> tarfile.TarInfo:
    """Return what a header says."""
    try:
        info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError) as error:
        if offset == 0:
            raise _no_archive(header) from error
        if is_behind_zeros:
            raise TarError(
                f"what follows the archive's end mark at byte {offset} is no archive"
            ) from error
        raise TarError(f"the archive has a damaged header at byte {offset}") from error
    _require_possible(info.size, offset)
    return info


def _require_possible(size_bytes: int, offset: int) -> None:
    if not 0 <= size_bytes <= _SIZE_MAX_BYTES:
        raise TarError(f"the archive has an impossible size at byte {offset}")


def _read_extension(
    file: BinaryIO, info: tarfile.TarInfo, start: int, said: _Extensions
) -> None:
    if info.size > _EXTENSION_MAX_BYTES:
        raise TarError(f"the archive has a header of {info.size} bytes at byte {start}")
    data = file.read(info.size)
    if len(data) < info.size:
        raise TruncatedTarError(f"the archive ends inside a header at byte {start}")
    if info.type == tarfile.GNUTYPE_LONGNAME:
        said.name = data.split(b"\0", 1)[0]
    elif info.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
        _read_pax(data, start, said)


def _read_pax(data: bytes, start: int, said: _Extensions) -> None:
    place = 0
    while place < len(data) and data[place]:
        record = _PAX_RECORD.match(data, place)
        end = place + int(record[1]) if record else 0
        if record is None or not record.end() < end <= len(data):
            raise TarError(f"the archive has a damaged header at byte {start}")
        key, value = record[2], data[record.end() : end - 1]
        if key == b"path":
            said.name = value
        elif key == b"size":
            if not re.fullmatch(rb"\d{1,19}", value):
                raise TarError(f"the archive has a damaged size at byte {start}")
            _require_possible(int(value), start)
            said.size_bytes = int(value)
        elif key.startswith(_SPARSE):
            said.is_sparse = True
        place = end


def _behind_sparse_map(file: BinaryIO, header: bytes, start: int) -> int:
    is_extended = header[_GNU_IS_EXTENDED]
    while is_extended:
        block = file.read(_BLOCK)
        if len(block) < _BLOCK:
            raise TruncatedTarError(f"the archive ends inside a header at byte {start}")
        is_extended = block[_EXTENDED_IS_EXTENDED]
        start += _BLOCK
    return start


def _member(info: tarfile.TarInfo, said: _Extensions, start: int) -> TarMember:
    name = said.name
    if name is None:
        name = info.name.encode("utf-8", "surrogateescape")
    return TarMember(
        name=name,
        kind=_kind(info, said, name),
        start=start,
        size_bytes=info.size if said.size_bytes is None else said.size_bytes,
    )


def _kind(info: tarfile.TarInfo, said: _Extensions, name: bytes) -> MemberKind:
    if info.isdir() or (info.type == tarfile.AREGTYPE and name.endswith(b"/")):
        return MemberKind.FOLDER
    if info.issym() or info.islnk():
        return MemberKind.LINK
    if said.is_sparse or info.type == tarfile.GNUTYPE_SPARSE:
        return MemberKind.SPARSE
    return MemberKind.FILE if info.isreg() else MemberKind.SPECIAL


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
