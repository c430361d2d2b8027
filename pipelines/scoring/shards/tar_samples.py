"""What stands beside the images of an archive: JSON, texts and classes of a sample.

They may lie before or behind the images, but next to them: members of one sample follow
one another in an archive, which is read as a stream.
"""

import itertools
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from pipelines.records.tar import MemberKind
from pipelines.scoring.choosing.side_files import side_file_kind
from pipelines.scoring.shards.tar_members import (
    NamedMember,
    member_name,
    named_members,
)
from schemas.failures import ImageFailure
from schemas.left_out import LeftOut, LeftOutTally

_MAX_MIB = 16
_IMAGES_AT_ONCE = 1000
_OTHER = "members of archives that are no images"
_LONE = "members of archives that describe no image beside them"


def described_images(
    file: BinaryIO, size_bytes: int | None, left_out: LeftOutTally
) -> Iterator[tuple[tuple[NamedMember, str], dict[str, Any]]]:
    """Yield every image of an archive with its key and what is said of it.

    `x.json`, `x.txt` and `x.cls` describe the images of the sample `x`, and also
    `x.y.jpg` if its name up to the last dot is `x`. What has the name of one image but
    for the suffix describes that image, whose key is then that name: dots in names make
    no sample of different photos.

    Args:
      file: The archive, which is only sought forwards.
      size_bytes: Its size; None if that is not known.
      left_out: Where is counted what should describe images but cannot be carried,
        side files with the name of an image, and members that are neither images nor
        describe one beside them.

    Raises:
      ImageFailure: At the end, if the archive is damaged or cut short.
    """
    sample = _Sample(None)
    damage = None
    try:
        for named in named_members(file, size_bytes):
            if kind := side_file_kind(f"{named.stem}.jpg"):  # whatever it is of
                if named.is_image:
                    left_out.add(LeftOut(reason=kind, example=named.name))
                continue
            if not (named.is_image or named.is_describing):
                left_out.add(LeftOut(reason=_OTHER, example=named.name))
                continue
            if named.sample != sample.name:
                yield from sample.images()
                sample.count_lone(left_out)
                sample = _Sample(named.sample)
            elif len(sample) >= _IMAGES_AT_ONCE:
                yield from sample.images_but(named.stem)
            if named.is_image:
                sample.add_image(named)
            elif named.is_describing:
                try:
                    sample.add_said(named, _read(file, named))
                except _NotCarriedError as error:
                    left_out.add(LeftOut(reason=str(error), example=named.name))
    except ImageFailure as failure:
        damage = failure
    yield from sample.images()
    sample.count_lone(left_out)
    if damage:
        raise damage


class _Sample:
    """Members that are alike up to the first dot, as far as they have been met."""

    def __init__(self, name: str | None):
        self.name = name
        self._images: list[NamedMember] = []
        self._said: dict[str, dict[str, Any]] = {}
        self._lone: dict[str, list[str]] = {}  # names of what describes no image yet

    def __len__(self) -> int:
        return len(self._images)

    def add_image(self, named: NamedMember) -> None:
        """Take an image."""
        self._images.append(named)

    def add_said(self, named: NamedMember, values: dict[str, Any]) -> None:
        """Take what a member says; a JSON goes before a file of the same column."""
        said = self._said.setdefault(named.stem, {})
        self._lone.setdefault(named.stem, []).append(named.name)
        is_json = named.suffix == "json"
        said.update(v for v in values.items() if is_json or v[0] not in said)

    def images(self) -> Iterator[tuple[tuple[NamedMember, str], dict[str, Any]]]:
        """Yield the images with their keys and what is said of them."""
        of_all = self._said.get(self.name or "", {})
        for image in self._images:
            own = self._said.get(image.stem)
            of_file = self._said.get(image.name, {})  # a.jpg.json
            for stem in (self.name, image.stem, image.name):
                self._lone.pop(stem or "", None)
            key = image.sample if own is None else image.stem
            yield (image, key), of_all | (own or {}) | of_file

    def count_lone(self, left_out: LeftOutTally) -> None:
        """Count what described none of the images that were yielded."""
        for name in itertools.chain.from_iterable(self._lone.values()):
            left_out.add(LeftOut(reason=_LONE, example=name))

    def images_but(
        self, stem: str
    ) -> Iterator[tuple[tuple[NamedMember, str], dict[str, Any]]]:
        """Yield the images and forget them, but for a last few that may not be all."""
        waiting = [image for image in self._images if image.stem == stem]
        if len(waiting) == len(self._images):
            waiting = []
        self._images = [image for image in self._images if image not in waiting]
        yield from self.images()
        self._images = waiting
        self._said = {
            name: said for name, said in self._said.items() if name in (self.name, stem)
        }


class _NotCarriedError(ValueError):
    """What should describe images cannot be carried; the text says why, of any."""


def _read(file: BinaryIO, named: NamedMember) -> dict[str, Any]:
    """Return what a member says by column; JSON that is no object is a column itself.

    Raises:
      _NotCarriedError: If that cannot be carried.
    """
    if named.member.kind is not MemberKind.FILE:
        raise _NotCarriedError("links to what describes images")
    if named.member.size_bytes > _MAX_MIB << 20:
        raise _NotCarriedError(f"files beside images of more than {_MAX_MIB} MiB")
    file.seek(named.member.start)
    data = file.read(named.member.size_bytes)
    if named.suffix != "json":
        return {named.suffix: member_name(data)}
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _NotCarriedError("broken JSON beside images") from error
    return values if isinstance(values, dict) else {"json": values}
