"""What the names of an archive's members say: which are images, and of which sample.

Members whose names are alike up to the first dot belong together, as in WebDataset:
`a/b.jpg` and `a/b.json` are the sample `a/b`.
"""

import dataclasses
import re
import urllib.parse
from collections.abc import Iterator
from typing import BinaryIO

import google_crc32c

from pipelines.records.tar import (
    MemberKind,
    TarError,
    TarMember,
    TruncatedTarError,
    find_members,
)
from pipelines.records.unpacked import PackedError
from schemas.failures import Failure, ImageFailure

# Also of formats that are not decoded: their members fail, but none is overlooked.
_IMAGE_SUFFIXES = frozenset(
    [
        *("jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "gif", "tif", "tiff"),
        *("bmp", "avif", "mpo", "heic", "heif", "jxl", "jp2", "j2k", "ppm", "pgm"),
        *("pbm", "pnm", "tga", "ico", "svg", "psd", "exr"),
        *("dng", "nef", "nrw", "cr2", "cr3", "crw", "arw", "sr2", "srf", "orf", "rw2"),
        *("raf", "pef", "srw", "x3f", "3fr", "fff", "iiq", "mrw", "rwl", "gpr", "erf"),
    ]
)
_DESCRIBING_SUFFIXES = ("json", "txt", "cls")
_SAMPLE = re.compile(r"((?:.*/)?[^./][^./]*)\.[^/]*", re.DOTALL)
_BYTES = "bytes:"
_READ_ANYWAY_BYTES = 1 << 20  # as `open_shard` reads ahead


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class NamedMember:
    """A member and what its name says.

    Attributes:
      member: Where it lies.
      name: Its name as text, reversibly (`member_name`).
      sample: Its name up to the first dot.
      stem: Its name up to the last dot.
      suffix: What follows the last dot, in lower case.
      crc32c: Of an image's bytes; None for one that is longer than what is read on the
        way from header to header.
    """

    member: TarMember
    name: str
    sample: str
    stem: str
    suffix: str
    crc32c: int | None = None

    @property
    def is_image(self) -> bool:
        """Whether its name is that of an image."""
        return self.suffix in _IMAGE_SUFFIXES

    @property
    def is_describing(self) -> bool:
        """Whether it says something of the images of its name."""
        return self.suffix in _DESCRIBING_SUFFIXES


def named_members(file: BinaryIO, size_bytes: int | None) -> Iterator[NamedMember]:
    """Yield the members of an archive with what their names say.

    Args:
      file: The archive, which is only sought forwards.
      size_bytes: Its size; None if that is not known.

    Raises:
      ImageFailure: Where the archive is damaged or cut short.
    """
    try:
        for member in find_members(file, size_bytes):
            if member.kind is not MemberKind.FOLDER:
                named = _named(member)
                yield _with_checksum(named, file) if named.is_image else named
    except TruncatedTarError as error:
        raise ImageFailure(Failure.TRUNCATED, str(error)) from error
    except (TarError, PackedError) as error:
        raise ImageFailure(Failure.UNREADABLE, str(error)) from error


def member_name(name: bytes) -> str:
    """Return a member's name as text, from which its bytes can be told.

    It is the name itself where that is UTF-8 and does not begin with "bytes:", else
    "bytes:" and the percent-encoded bytes.
    """
    try:
        text = name.decode()
    except UnicodeDecodeError:
        text = None
    if text is None or text.startswith(_BYTES):
        return _BYTES + urllib.parse.quote_from_bytes(name)
    return text


def _named(member: TarMember) -> NamedMember:
    name = member_name(member.name)
    sample = _SAMPLE.fullmatch(name)
    stem, _, suffix = name.rpartition(".")
    return NamedMember(
        member=member,
        name=name,
        sample=sample[1] if sample else name,
        stem=stem,
        suffix=suffix.lower(),
    )


def _with_checksum(named: NamedMember, file: BinaryIO) -> NamedMember:
    """Add the checksum of an image that lies in what is read of the archive anyway."""
    member = named.member
    is_file = member.kind is MemberKind.FILE
    if not is_file or member.size_bytes > _READ_ANYWAY_BYTES:
        return named
    file.seek(member.start)
    data = file.read(member.size_bytes)
    return dataclasses.replace(named, crc32c=google_crc32c.value(data))
