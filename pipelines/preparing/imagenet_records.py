"""ImageNet as TensorFlow Datasets lays it out: TFRecords of image, label, file_name."""

import dataclasses
import re
from collections.abc import Iterator, Sequence

from pipelines.preparing.image_sources import FoundImage, ImageSource
from pipelines.preparing.labels import LabelledImage, ReleaseError
from pipelines.preparing.release import Release
from pipelines.preparing.tables import decode_text
from pipelines.records.tfrecord import (
    FeatureValues,
    TFRecordError,
    parse_example,
    read_records,
)
from pipelines.storage import StoredObject, open_listed

CLASS_NAMES = "label.labels.txt"
_FEATURES = ("image", "label", "file_name")
_FILE = re.compile(
    r"(?P<folder>(?:.*/)?)imagenet2012-(?P<split>train|validation)\.tfrecord-"
    r"(?P<number>\d{5})-of-(?P<count>\d{5})"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordFile:
    """The images of one TFRecord file.

    Attributes:
      file: The file.
      split: Its split.
      class_count: Labels are below this.
    """

    file: StoredObject
    split: str
    class_count: int

    def images(self) -> Iterator[FoundImage]:
        """Yield the images in the order of the file."""
        try:
            with open_listed(self.file) as file:
                for payload in read_records(file, self.file.size_bytes):
                    yield self._image(parse_example(payload, _FEATURES))
        except TFRecordError as error:
            raise ReleaseError(f"{self.file.uri}: {error}") from error

    def _image(self, features: dict[str, FeatureValues]) -> FoundImage:
        match [features.get(name) for name in _FEATURES]:
            case [[bytes(image)], [int(label)], [bytes(file_name)]]:
                pass
            case _:
                raise ReleaseError(
                    f"{self.file.uri}: a record does not have one image, one label "
                    "and one file_name"
                )
        if not 0 <= label < self.class_count:
            raise ReleaseError(
                f"{self.file.uri}: the label {label} is not in "
                f"0..{self.class_count - 1}"
            )
        name = file_name.decode("utf-8", "replace")
        row = LabelledImage(
            name=name, label=(float(label),), group=name, split=self.split
        )
        return FoundImage(row=row, data=image)


def find_tfds_files(release: Release) -> list[str]:
    """Return the names of the TFRecord files, wherever they lie in the release."""
    return [name for name in release.names if _FILE.fullmatch(name)]


def plan_tfds(
    release: Release, _examples_per_shard: int
) -> tuple[dict[str, Sequence[ImageSource]], int]:
    """Find the files of every split; each becomes one shard.

    Returns:
      The sources of the shards of every split, and the number of classes.

    Raises:
      ReleaseError: If files are missing, or classes are not in the order of their
        WordNet ids.
    """
    matches = [m for m in map(_FILE.fullmatch, find_tfds_files(release)) if m]
    folder = _only("folder", {match["folder"] for match in matches}, release)
    names = release.read_label_file((f"{folder}{CLASS_NAMES}",))
    classes = decode_text(names.data, names.name).split()
    if classes != sorted(set(classes)):
        raise ReleaseError(
            f"{names.name} does not list the WordNet ids of the classes, sorted"
        )
    sources = {}
    for split in ("train", "validation"):
        files = sorted(match[0] for match in matches if match["split"] == split)
        counts = {int(match["count"]) for match in matches if match["split"] == split}
        if not files:
            raise ReleaseError(f"{release.folder} has no file of the split {split}")
        count = _only("count", counts, release)
        if len(files) != count:
            raise ReleaseError(
                f"{release.folder} has {len(files)} of the {count} files of {split}"
            )
        sources[split] = [
            RecordFile(file=found, split=split, class_count=len(classes))
            for found in map(release.file, files)
            if found
        ]
    return sources, len(classes)


def _only(what: str, values: set, release: Release):
    if len(values) > 1:
        raise ReleaseError(
            f"{release.folder} has imagenet2012 twice, with the {what} "
            f"{' and '.join(map(repr, sorted(values)))}: name one of them"
        )
    return next(iter(values))
