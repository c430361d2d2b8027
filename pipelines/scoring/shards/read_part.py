"""Reading one image out of a larger file: exactly its bytes, by one ranged read."""

from pipelines.records.tfrecord import TFRecordError, checked_payload, parse_example
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.refusals import refusals_as_failures
from pipelines.scoring.shards.image_part import ParquetPart, RecordPart
from pipelines.storage import storage_for
from schemas.failures import Failure, ImageFailure

_USUAL_FEATURES = (
    *("image/encoded", "image", "encoded", "image_bytes", "image_raw"),
    *("jpg", "jpeg", "png", "webp"),
)
_CHECKSUM_BYTES = 4


@refusals_as_failures()
def read_part(ref: ImageRef, *, max_bytes: int) -> bytes:
    """Return the bytes of an image that lies in an archive or a record.

    Raises:
      ImageFailure: If it cannot be read, or is too large.
      StorageError: If the store is down.
    """
    part, listed = ref.part, ref.listed
    assert part is not None
    assert not isinstance(part, ParquetPart), "row groups are read as a whole"
    assert listed is not None
    require_part_size(part.size_bytes, max_bytes)
    end = part.start + part.size_bytes
    storage = storage_for(listed.uri)
    if isinstance(part, RecordPart):
        data = storage.read_part(listed, part.start, end + _CHECKSUM_BYTES)
        return image_of_record(data, part.feature)
    return storage.read_part(listed, part.start, end)


def image_of_record(data: bytes, feature: str | None) -> bytes:
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


def require_part_size(size_bytes: int, max_bytes: int) -> None:
    """Refuse a part of a file as a whole file would be.

    Raises:
      ImageFailure: `too_large` if it has more than `max_bytes`.
    """
    if size_bytes > max_bytes:
        raise ImageFailure(
            Failure.TOO_LARGE, f"{size_bytes} bytes exceed the limit of {max_bytes}"
        )
