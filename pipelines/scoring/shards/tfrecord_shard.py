"""TFRecord files of tf.train.Example: one image a record, named by its number."""

from collections.abc import Iterator
from typing import BinaryIO

from pipelines.records.tfrecord import (
    TFRecordError,
    TruncatedTFRecordError,
    find_records,
)
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.shards.image_part import RecordPart
from pipelines.scoring.shards.shard import Shard
from pipelines.storage import StoredObject
from schemas.failures import Failure, ImageFailure


def list_tfrecord(
    shard: Shard, found: StoredObject, file: BinaryIO
) -> Iterator[ImageRef]:
    """Yield one ref a record: `file.tfrecord#17` is the record after 17 others.

    Raises:
      ImageFailure: Where the file is damaged or cut short.
    """
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
