"""TFRecord files of tf.train.Example: one image a record, named by its number."""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from pipelines.records.tfrecord import (
    TFRecordError,
    TruncatedTFRecordError,
    checked_payload,
    find_records,
    parse_example,
)
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.shards.part import require_part_size
from pipelines.scoring.shards.shard import Shard, ShardFormat
from pipelines.storage import StoredObject, storage_for
from schemas.failures import Failure, ImageFailure

_USUAL_FEATURES = (
    *("image/encoded", "image", "encoded", "image_bytes", "image_raw"),
    *("jpg", "jpeg", "png", "webp"),
)
_CHECKSUM_BYTES = 4


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RecordPart:
    """A tf.train.Example that holds an image.

    Attributes:
      start: Offset of the record's payload.
      size_bytes: Its length, the other features included.
      feature: Name of the image's feature; None means the usual names.
    """

    start: int
    size_bytes: int
    feature: str | None = None


@dataclasses.dataclass(frozen=True)
class TFRecordFormat(ShardFormat[RecordPart]):
    """Files of records; `train.tfrecord-00000-of-00010` is one, too."""

    names = re.compile(r"\.tfrecords?(-[^/]*)?$", re.IGNORECASE)
    part_type = RecordPart

    def list(
        self, shard: Shard, found: StoredObject, file: BinaryIO
    ) -> Iterator[ImageRef]:
        """Yield one ref a record: `file.tfrecord#17` is the record after 17 others."""
        try:
            for index, place in enumerate(find_records(file, found.size_bytes)):
                yield shard.ref(
                    place=index,
                    name=shard.name_of(str(index)),
                    key=f"{shard.key}#{index}",
                    listed=found,
                    part=RecordPart(
                        start=place.start,
                        size_bytes=place.size_bytes,
                        feature=shard.source.image_column,
                    ),
                )
        except TruncatedTFRecordError as error:
            raise ImageFailure(Failure.TRUNCATED, str(error)) from error
        except TFRecordError as error:
            raise ImageFailure(Failure.UNREADABLE, str(error)) from error

    def read(
        self, found: StoredObject, parts: Sequence[RecordPart], *, max_bytes: int
    ) -> Iterator[bytes]:
        """Yield the images in records, each record by one ranged read."""
        for part in parts:
            require_part_size(part.size_bytes, max_bytes)
            end = part.start + part.size_bytes + _CHECKSUM_BYTES
            data = storage_for(found.uri).read_part(found, part.start, end)
            yield _image_of_record(data, part.feature)


def _image_of_record(data: bytes, feature: str | None) -> bytes:
    """Return the image that a tf.train.Example holds.

    Args:
      data: The serialized Example and its checksum.
      feature: Name of the image's feature; None means the usual names.

    Raises:
      ImageFailure: If the record is damaged or has no such feature.
    """
    names = (feature,) if feature else _USUAL_FEATURES
    try:
        payload = checked_payload(data)
    except TFRecordError as error:
        raise ImageFailure(Failure.READ_ERROR, str(error)) from error
    try:
        found = parse_example(payload, names)
    except TFRecordError as error:
        raise ImageFailure(Failure.NOT_AN_IMAGE, str(error)) from error
    for name in names:
        values = found.get(name)
        if values and isinstance(values[0], bytes):
            return values[0]
    raise ImageFailure(
        Failure.NOT_AN_IMAGE,
        f"the record has no bytes in a feature {' or '.join(names)}; name the right "
        "one by --image_column",
    )
