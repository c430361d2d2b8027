"""WebDataset tar shards: one ref for every image member, the JSON beside it carried.

Members whose names are alike up to the first dot belong together: `a/b.jpg` and
`a/b.json` are the sample `a/b`.
"""

import dataclasses
import json
import re
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from pipelines.records.tar import (
    MemberKind,
    TarError,
    TarMember,
    TruncatedTarError,
    find_members,
)
from pipelines.scoring.carried.layout import Carried
from pipelines.scoring.carried.rows import carry_samples
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.shards.part import read_range, require_part_size
from pipelines.scoring.shards.shard import Shard, ShardFormat
from pipelines.storage import StoredObject
from schemas.failures import Failure, ImageFailure

# Also of formats that are not decoded: their members fail, but none is overlooked.
_IMAGE_SUFFIXES = frozenset(
    [
        *("jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "gif", "tif", "tiff"),
        *("bmp", "avif", "mpo", "heic", "heif", "jxl", "jp2", "j2k", "ppm", "pgm"),
        *("pbm", "pnm", "tga", "ico", "svg"),
    ]
)
_NAME = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]*)", re.DOTALL)
_BYTES = "bytes:"
_JSON_MAX_BYTES = 1 << 20
_IMAGES_AT_ONCE = 1000
_NOT_READ = {
    MemberKind.LINK: "a link in an archive is not followed",
    MemberKind.SPARSE: "a sparse file in an archive is not read",
    MemberKind.SPECIAL: "a device or pipe in an archive is not read",
}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TarPart:
    """An image file that lies in an archive as it is.

    Attributes:
      start: Offset of its first byte.
      size_bytes: Its length.
    """

    start: int
    size_bytes: int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class NamedMember:
    """A member and what its name says.

    Attributes:
      member: Where it lies.
      name: Its name as text, reversibly (`member_name`).
      key: Its sample.
      suffix: What follows the last dot, in lower case.
    """

    member: TarMember
    name: str
    key: str
    suffix: str

    @property
    def is_image(self) -> bool:
        """Whether its name is that of an image."""
        return self.suffix in _IMAGE_SUFFIXES

    @property
    def is_json(self) -> bool:
        """Whether it describes the images of its sample."""
        is_file = self.member.kind is MemberKind.FILE
        return is_file and self.name == f"{self.key}.json"


@dataclasses.dataclass(frozen=True)
class TarFormat(ShardFormat[TarPart]):
    """Archives; compressed ones cannot be read in parts, which their row will say."""

    names = re.compile(r"\.(tar|tgz|tar\.(gz|bz2|xz|zst))$", re.IGNORECASE)
    part_type = TarPart

    def list(
        self, shard: Shard, found: StoredObject, file: BinaryIO
    ) -> Iterator[ImageRef]:
        """Yield the refs of an archive's images; only headers and JSON are read."""
        samples = (
            (named, said)
            for images, said in _samples(file, found.size_bytes)
            for named in images
        )
        for place, (named, carried) in enumerate(carry_samples(samples)):
            yield member_ref(shard, found, named, place=place, carried=carried)

    def read(
        self, found: StoredObject, parts: Sequence[TarPart], *, max_bytes: int
    ) -> Iterator[bytes]:
        """Yield exactly the bytes of the members, each by one ranged read."""
        for part in parts:
            require_part_size(part.size_bytes, max_bytes)
            yield read_range(found, part.start, part.start + part.size_bytes)


def named_members(file: BinaryIO, size_bytes: int) -> Iterator[NamedMember]:
    """Yield the members of an archive with what their names say.

    Raises:
      ImageFailure: Where the archive is damaged or cut short.
    """
    try:
        for member in find_members(file, size_bytes):
            if member.kind is not MemberKind.FOLDER:
                yield _named(member)
    except TruncatedTarError as error:
        raise ImageFailure(Failure.TRUNCATED, str(error)) from error
    except TarError as error:
        raise ImageFailure(Failure.UNREADABLE, str(error)) from error


def member_ref(
    shard: Shard,
    found: StoredObject,
    named: NamedMember,
    *,
    place: int,
    carried: Carried,
) -> ImageRef:
    """Return the ref of an image member, refused if it is no ordinary file.

    Args:
      shard: What names the archive, or the ledger beside it.
      found: The archive.
      named: The member.
      place: Place in the shard.
      carried: What is said of the image.
    """
    member = named.member
    refusal = None
    if member.kind is not MemberKind.FILE:
        refusal = (Failure.UNREADABLE, _NOT_READ[member.kind])
    elif member.start + member.size_bytes > found.size_bytes:
        refusal = (Failure.TRUNCATED, "the archive ends inside this member")
    return shard.ref(
        place=place,
        name=f"{found.uri}#{named.name}",
        key=named.key,
        carried=carried,
        listed=found,
        part=TarPart(start=member.start, size_bytes=member.size_bytes),
        refusal=refusal,
    )


def _samples(
    file: BinaryIO, size_bytes: int
) -> Iterator[tuple[list[NamedMember], dict[str, Any]]]:
    """Yield the images of every sample and what its JSON says, wherever that lies."""
    key: str | None = None
    images: list[NamedMember] = []
    said: dict[str, Any] = {}
    damage = None
    try:
        for named in named_members(file, size_bytes):
            if named.key != key or len(images) == _IMAGES_AT_ONCE:
                yield images, said
                images, said = [], said if named.key == key else {}
                key = named.key
            if named.is_image:
                images.append(named)
            elif named.is_json:
                said = _read_json(file, named.member)
    except ImageFailure as failure:
        damage = failure
    yield images, said
    if damage:
        raise damage


def _named(member: TarMember) -> NamedMember:
    name = member_name(member.name)
    parts = _NAME.fullmatch(name)
    return NamedMember(
        member=member,
        name=name,
        key=parts[1] if parts else name,
        suffix=name.rpartition(".")[2].lower(),
    )


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


def _read_json(file: BinaryIO, member: TarMember) -> dict[str, Any]:
    """Return the values of a JSON object; {} if it is none, or too large."""
    if member.size_bytes > _JSON_MAX_BYTES:
        return {}
    file.seek(member.start)
    try:
        values = json.loads(file.read(member.size_bytes))
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
