"""ImageNet's raw tars: a tar of one tar a class, and a flat one for validation.

Classes are numbered by their sorted WordNet ids, as everywhere but in the devkit, whose
own numbers stand in the validation labels.
"""

import contextlib
import dataclasses
import io
import re
import tarfile
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from pipelines.preparing.image_sources import FILE_MAX_BYTES, FoundImage, ImageSource
from pipelines.preparing.labels import LabelledImage, ReleaseError
from pipelines.preparing.release import Release
from pipelines.records.tar import MemberKind, TarError, TarMember, find_members
from pipelines.storage import StoredObject, open_listed, storage_for
from pipelines.storage.ranged_reader import open_ranges
from schemas.failures import Failure

TRAIN = "ILSVRC2012_img_train.tar"
VALIDATION = "ILSVRC2012_img_val.tar"
DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"
_CLASS_TAR = re.compile(r"(?:.*/)?(n\d{8})\.tar")
_VALIDATION_IMAGE = re.compile(r"(?:.*/)?(ILSVRC2012_val_(\d{8})\.JPEG)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassTar:
    """All images of one class, in a tar inside the training tar.

    Attributes:
      tar: The training tar.
      start: Offset of the inner tar.
      size_bytes: Its size.
      label: The class.
    """

    tar: StoredObject
    start: int
    size_bytes: int
    label: int

    def images(self) -> Iterator[FoundImage]:
        """Yield the images in the order of the tar, reading on as they are used."""
        storage = storage_for(self.tar.uri)

        def fetch(start: int, end: int) -> bytes:
            return storage.read_part(self.tar, self.start + start, self.start + end)

        with _errors_at(self.tar), open_ranges(fetch, self.size_bytes) as file:
            for member in _files(file, self.size_bytes):
                name = _text(member.name)
                row = LabelledImage(
                    name=name, label=(float(self.label),), group=name, split="train"
                )
                yield FoundImage(row=row, data=_data(file, member))


@dataclasses.dataclass(frozen=True, kw_only=True)
class TarMembers:
    """Some images of a flat tar.

    Attributes:
      tar: The tar.
      rows: The images.
      members: Where they lie.
    """

    tar: StoredObject
    rows: tuple[LabelledImage, ...]
    members: tuple[TarMember, ...]

    def images(self) -> Iterator[FoundImage]:
        """Yield the images in order."""
        with _errors_at(self.tar), open_listed(self.tar) as file:
            for row, member in zip(self.rows, self.members, strict=True):
                yield FoundImage(row=row, data=_data(file, member))


def plan_tars(
    release: Release, examples_per_shard: int
) -> tuple[dict[str, Sequence[ImageSource]], int]:
    """Find the classes and the validation images; no image is read.

    Returns:
      The sources of the shards of every split, and the number of classes.

    Raises:
      ReleaseError: If a file is missing or is not what it should be.
    """
    tars = [release.file(name) for name in (TRAIN, VALIDATION)]
    if None in tars:
        raise ReleaseError(
            f"{release.folder} has neither {TRAIN}, {VALIDATION} and {DEVKIT} nor the "
            "files imagenet2012-*.tfrecord-* of TensorFlow Datasets"
        )
    train, validation = (tar for tar in tars if tar)
    devkit = release.read_label_file((DEVKIT,))
    wordnet_ids = _validation_wordnet_ids(devkit.data)
    with _errors_at(train), open_listed(train) as file:
        inner = {
            _class_of(member, train): member
            for member in _files(file, train.size_bytes)
        }
    labels = {wordnet_id: label for label, wordnet_id in enumerate(sorted(inner))}
    if unknown := sorted(set(wordnet_ids) - labels.keys()):
        raise ReleaseError(f"{TRAIN} has no class {unknown[0]}, but {DEVKIT} has")
    classes = [
        ClassTar(
            tar=train,
            start=inner[wordnet_id].start,
            size_bytes=inner[wordnet_id].size_bytes,
            label=label,
        )
        for wordnet_id, label in labels.items()
    ]
    images = _validation_images(validation, [labels[one] for one in wordnet_ids])
    starts = range(0, len(images), examples_per_shard)
    parts = [images[start : start + examples_per_shard] for start in starts]
    members = [
        TarMembers(
            tar=validation,
            rows=tuple(row for row, _ in part),
            members=tuple(member for _, member in part),
        )
        for part in parts
    ]
    return {"train": classes, "validation": members}, len(labels)


def _class_of(member: TarMember, tar: StoredObject) -> str:
    match = _CLASS_TAR.fullmatch(_text(member.name))
    if match is None:
        raise ReleaseError(
            f"{tar.uri} holds {_text(member.name)!r}, expected tars such as "
            "n01440764.tar"
        )
    return match[1]


def _validation_images(
    tar: StoredObject, labels: Sequence[int]
) -> list[tuple[LabelledImage, TarMember]]:
    """Return the images by name; number n has the n-th label."""
    images = []
    with _errors_at(tar), open_listed(tar) as file:
        for member in _files(file, tar.size_bytes):
            match = _VALIDATION_IMAGE.fullmatch(_text(member.name))
            if match is None or not 1 <= int(match[2]) <= len(labels):
                raise ReleaseError(
                    f"{tar.uri} holds {_text(member.name)!r}, expected "
                    f"ILSVRC2012_val_00000001.JPEG to _{len(labels):08d}.JPEG"
                )
            row = LabelledImage(
                name=match[1],
                label=(float(labels[int(match[2]) - 1]),),
                group=match[1],
                split="validation",
            )
            images.append((row, member))
    if len(images) != len(labels):
        raise ReleaseError(
            f"{tar.uri} has {len(images)} images, but {DEVKIT} has {len(labels)} labels"
        )
    return sorted(images, key=lambda image: image[0].name)


def _validation_wordnet_ids(devkit: bytes) -> list[str]:
    """Return the WordNet id of every validation image, by way of the devkit's ids."""
    from scipy.io import loadmat

    try:
        with tarfile.open(fileobj=io.BytesIO(devkit)) as archive:
            files = {
                member.name.rpartition("/")[2]: content.read()
                for member in archive
                if member.isfile() and (content := archive.extractfile(member))
            }
        truth = files["ILSVRC2012_validation_ground_truth.txt"].split()
        synsets = loadmat(io.BytesIO(files["meta.mat"]), squeeze_me=True)["synsets"]
        numbers = map(int, synsets["ILSVRC2012_ID"])
        wordnet_ids = dict(zip(numbers, map(str, synsets["WNID"]), strict=True))
        return [wordnet_ids[int(number)] for number in truth]
    except (tarfile.TarError, OSError, EOFError, ValueError, TypeError) as error:
        raise ReleaseError(f"{DEVKIT} cannot be read: {error}") from error
    except KeyError as error:
        raise ReleaseError(f"{DEVKIT} does not hold {error}") from error


def _files(file: BinaryIO, size_bytes: int) -> Iterator[TarMember]:
    members = find_members(file, size_bytes)
    return (member for member in members if member.kind is MemberKind.FILE)


def _data(file: BinaryIO, member: TarMember) -> bytes | Failure:
    if member.size_bytes > FILE_MAX_BYTES:
        return Failure.TOO_LARGE
    file.seek(member.start)
    return file.read(member.size_bytes)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")


@contextlib.contextmanager
def _errors_at(tar: StoredObject) -> Iterator[None]:
    try:
        yield
    except TarError as error:
        raise ReleaseError(f"{tar.uri}: {error}") from error
