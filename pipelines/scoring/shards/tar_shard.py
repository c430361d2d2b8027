"""WebDataset tar shards: one ref for every image member, what describes it carried."""

import dataclasses
import functools
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import google_crc32c

from pipelines.records.first_bytes import Packing
from pipelines.records.tar import MemberKind
from pipelines.records.unpacked import PackedError
from pipelines.scoring.carried.layout import Carried
from pipelines.scoring.carried.rows import carry_samples
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.reading.refusals import open_shard
from pipelines.scoring.shards.packed_shard import unpacked, unpacked_by
from pipelines.scoring.shards.part import read_range, require_part_size
from pipelines.scoring.shards.shard import Shard, ShardFormat, then_left_out
from pipelines.scoring.shards.tar_members import NamedMember
from pipelines.scoring.shards.tar_samples import described_images
from pipelines.storage import StoredObject
from schemas.failures import Failure, ImageFailure
from schemas.left_out import LeftOut, LeftOutTally

_NOT_READ = {
    MemberKind.LINK: "a link in an archive is not followed",
    MemberKind.SPARSE: "a sparse file in an archive is not read",
    MemberKind.SPECIAL: "a device or pipe in an archive is not read",
}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TarPart:
    """An image file that lies in an archive as it is.

    Attributes:
      start: Offset of its first byte in the archive, unpacked if it is compressed.
      size_bytes: Its length.
      crc32c: Checksum of its bytes as they were listed; None if that is not known.
      packing: How the archive is compressed; None if it is not.
    """

    start: int
    size_bytes: int
    crc32c: int | None = None
    packing: Packing | None = None


@dataclasses.dataclass(frozen=True)
class TarFormat(ShardFormat[TarPart]):
    """Archives; a compressed one is read as a whole, from its beginning."""

    names = re.compile(
        r"\.(tar|tgz|tbz2|txz|tzst|tar\.(gz|bz2|xz|zst|zstd))$", re.IGNORECASE
    )
    part_type = TarPart

    def list(
        self, shard: Shard, found: StoredObject, file: BinaryIO
    ) -> Iterator[ImageRef | LeftOut]:
        """Yield the refs of an archive's images."""
        content, size_bytes, packing = unpacked(file, found.size_bytes)
        left_out = LeftOutTally()
        images = carry_samples(described_images(content, size_bytes, left_out))
        with_places = (
            member_ref(
                shard, found, named, key=key, place=place, carried=said, packing=packing
            )
            for place, ((named, key), said) in enumerate(images)
        )
        return then_left_out(with_places, left_out)

    def together(self, part: TarPart, *, is_fast: bool) -> tuple[str, int] | None:
        """Return that a compressed archive is read in one go."""
        return None if part.packing is None else ("unpacked", part.start)

    def read(
        self, found: StoredObject, parts: Sequence[TarPart], *, max_bytes: int
    ) -> Iterator[bytes | ImageFailure]:
        """Yield exactly the bytes of the members.

        Each is one ranged read if its checksum is known, two if not. A compressed
        archive is streamed to the last of them.
        """
        if parts[0].packing is not None:
            return _read_unpacked(found, parts[0].packing, parts, max_bytes)
        return (_read_member(found, part, max_bytes) for part in parts)


def member_ref(
    shard: Shard,
    found: StoredObject,
    named: NamedMember,
    *,
    key: str,
    place: int,
    carried: Carried,
    packing: Packing | None = None,
) -> ImageRef:
    """Return the ref of an image member, refused if it is no ordinary file.

    Args:
      shard: What names the archive, or the ledger beside it.
      found: The archive.
      named: The member.
      key: Its key.
      place: Place in the shard.
      carried: What is said of the image.
      packing: How the archive is compressed.
    """
    member = named.member
    refusal = None
    if member.kind is not MemberKind.FILE:
        refusal = (Failure.UNREADABLE, _NOT_READ[member.kind])
    elif packing is None and member.start + member.size_bytes > found.size_bytes:
        refusal = (Failure.TRUNCATED, "the archive ends inside this member")
    return shard.ref(
        place=place,
        name=f"{found.uri}#{named.name}",
        key=key,
        carried=carried,
        listed=found,
        part=TarPart(
            start=member.start,
            size_bytes=member.size_bytes,
            crc32c=named.crc32c,
            packing=packing,
        ),
        refusal=refusal,
    )


def _read_member(found: StoredObject, part: TarPart, max_bytes: int) -> bytes:
    require_part_size(part.size_bytes, max_bytes)
    is_right = None
    if part.crc32c is not None:
        is_right = functools.partial(_has_checksum, part.crc32c)
    end = part.start + part.size_bytes
    return read_range(found, part.start, end, is_right=is_right)


def _has_checksum(crc32c: int, data: bytes) -> bool:
    return google_crc32c.value(data) == crc32c


def _read_unpacked(
    found: StoredObject, packing: Packing, parts: Sequence[TarPart], max_bytes: int
) -> Iterator[bytes | ImageFailure]:
    """Yield members of a compressed archive, in its order."""
    try:
        with open_shard(found) as file:
            content = unpacked_by(file, found.size_bytes, packing)
            for part in parts:
                try:
                    require_part_size(part.size_bytes, max_bytes)
                except ImageFailure as failure:
                    yield failure
                    continue
                content.seek(part.start)
                data = content.read(part.size_bytes)
                if len(data) < part.size_bytes:
                    raise ImageFailure(
                        Failure.TRUNCATED, "the archive ends inside this member"
                    )
                yield data
    except PackedError as error:
        raise ImageFailure(Failure.UNREADABLE, str(error)) from error
