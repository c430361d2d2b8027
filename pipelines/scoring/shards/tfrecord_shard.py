"""TFRecord files of tf.train.Example: the images of every record, by its number."""

import contextlib
import dataclasses
import itertools
import operator
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from pipelines.records.first_bytes import Packing, packing_of
from pipelines.records.tfrecord import (
    RecordPlace,
    TFRecordError,
    TruncatedTFRecordError,
    checked_payload,
    find_records,
    is_undamaged,
    parse_example,
    starts_record,
)
from pipelines.records.unpacked import PackedError
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.reading.refusals import open_shard, open_unchecked
from pipelines.scoring.shards.packed_shard import unpacked_by
from pipelines.scoring.shards.part import read_range, require_part_size
from pipelines.scoring.shards.shard import Shard, ShardFormat
from pipelines.scoring.shards.tfrecord_features import (
    USUAL_FEATURES,
    Features,
    images_in,
    key_in,
    with_carried,
)
from pipelines.storage import StoredObject
from schemas.failures import Failure, ImageFailure

_FIRST_BYTES = 64
_LISTED_MAX_BYTES = 256 << 20


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RecordPart:
    """An image of a tf.train.Example.

    Attributes:
      start: Offset of the record's payload, in the file as it is when unpacked.
      size_bytes: Its length, the other features included.
      feature: Name of the image's feature; None means the usual names.
      item: Which of several images of the feature; None means the only one.
      packing: How the file is compressed; None if it is not.
    """

    start: int
    size_bytes: int
    feature: str | None = None
    item: int | None = None
    packing: Packing | None = None


@dataclasses.dataclass(frozen=True)
class TFRecordFormat(ShardFormat[RecordPart]):
    """Files of records; `train.tfrecord-00000-of-00010` is one, too."""

    names = re.compile(
        r"\.tfrec(ords?)?(\.(gz|gzip|zlib|bz2|xz|zst|zstd))?(-[^/]*)?$", re.IGNORECASE
    )
    part_type = RecordPart

    def list(
        self, shard: Shard, found: StoredObject, file: BinaryIO
    ) -> Iterator[ImageRef]:
        """Yield the refs of a file's images, of which a record may hold several.

        `file.tfrecord#17` is the record after 17 others; of several images in it, the
        second is `file.tfrecord#17&item=1`.
        """
        packing = _packing(found)
        records = _records(found) if packing is None else _unpacked(found, packing)
        place = itertools.count()
        feature = shard.source.image_column
        found_in = (
            ((record, len(images_in(features, feature)), key_in(features)), features)
            for record, features in (
                (record, _features(payload)) for record, payload in records
            )
        )
        with _failures():
            for index, ((record, count, key), said) in enumerate(
                with_carried(found_in, feature)
            ):
                items = range(count) if count > 1 else [None]
                for item in items:
                    number = str(index) if item is None else f"{index}&item={item}"
                    yield shard.ref(
                        place=next(place),
                        name=shard.name_of(number),
                        key=key or f"{shard.key}#{number}",
                        carried=said,
                        listed=found,
                        part=RecordPart(
                            start=record.start,
                            size_bytes=record.size_bytes,
                            feature=feature,
                            item=item,
                            packing=packing,
                        ),
                    )

    def together(self, part: RecordPart, *, is_fast: bool) -> tuple[str, int] | None:
        """Return a compressed file, or a record of several images."""
        if part.packing is not None:
            return "unpacked", part.start
        return None if part.item is None else (str(part.start), part.item)

    def read(
        self, found: StoredObject, parts: Sequence[RecordPart], *, max_bytes: int
    ) -> Iterator[bytes | ImageFailure]:
        """Yield the images in records, each record by one ranged read.

        A compressed file is streamed to the last of them.
        """
        packing = parts[0].packing
        if packing is not None:
            yield from _read_unpacked(found, packing, parts, max_bytes)
            return
        for part, images in _by_record(parts):
            require_part_size(part.size_bytes, max_bytes)
            end = RecordPlace(start=part.start, size_bytes=part.size_bytes).end
            data = read_range(found, part.start, end, is_right=is_undamaged)
            yield from _images_of_record(checked_payload(data), images)


def _packing(found: StoredObject) -> Packing | None:
    """Return how a file is compressed; a record's length may look like that, too."""
    first = read_range(found, 0, min(_FIRST_BYTES, found.size_bytes))
    return None if starts_record(first) else packing_of(first)


def _records(found: StoredObject) -> Iterator[tuple[RecordPlace, bytes | None]]:
    """Yield the records of a file; the payload is None for one that is damaged there.

    From where one does not match its checksum, all is read twice: it may be damaged on
    the way only.
    """
    offset = 0
    try:
        with open_unchecked(found) as file:
            for record in find_records(file, found.size_bytes):
                yield record, _payload(file, record, must_match=True)
                offset = record.end
        return
    except TFRecordError:
        pass
    with open_shard(found) as file:
        for record in find_records(file, found.size_bytes, start=offset):
            yield record, _payload(file, record, must_match=False)


def _unpacked(
    found: StoredObject, packing: Packing
) -> Iterator[tuple[RecordPlace, bytes | None]]:
    """Yield the records of a compressed file."""
    with open_shard(found) as file:
        content = unpacked_by(file, found.size_bytes, packing)
        for record in find_records(content, None):
            yield record, _payload(content, record, must_match=False)


def _payload(file: BinaryIO, record: RecordPlace, *, must_match: bool) -> bytes | None:
    """Read a record; None if it is too large, or need not match and does not.

    Raises:
      TFRecordError: If it must match its checksum and does not.
    """
    if record.size_bytes > _LISTED_MAX_BYTES:
        return None
    file.seek(record.start)
    try:
        return checked_payload(file.read(record.end - record.start))
    except TFRecordError:
        if must_match:
            raise
        return None


def _features(payload: bytes | None) -> Features:
    """Return a record's features; none if it is no Example, which reading it tells."""
    try:
        return parse_example(payload or b"")
    except TFRecordError:
        return {}


def _by_record(
    parts: Sequence[RecordPart],
) -> Iterator[tuple[RecordPart, Iterable[RecordPart]]]:
    """Yield the first part of every record, and all of its parts."""
    for _, group in itertools.groupby(parts, operator.attrgetter("start")):
        together = list(group)
        yield together[0], together


def _images_of_record(
    payload: bytes, parts: Iterable[RecordPart]
) -> Iterator[bytes | ImageFailure]:
    """Yield the wanted images of a record, or why one is not there."""
    for part in parts:
        try:
            yield _image_of_record(payload, part)
        except ImageFailure as failure:
            yield failure


def _image_of_record(payload: bytes, part: RecordPart) -> bytes:
    names = (part.feature,) if part.feature else USUAL_FEATURES
    try:
        images = images_in(parse_example(payload, names), part.feature)
    except TFRecordError as error:
        raise ImageFailure(Failure.NOT_AN_IMAGE, str(error)) from error
    if images:
        return images[part.item or 0]
    raise ImageFailure(
        Failure.NOT_AN_IMAGE,
        f"the record has no bytes in a feature {' or '.join(names)}; name the right "
        "one by --image_column",
    )


def _read_unpacked(
    found: StoredObject, packing: Packing, parts: Sequence[RecordPart], max_bytes: int
) -> Iterator[bytes | ImageFailure]:
    """Yield images of a compressed file, in its order."""
    with _failures(), open_shard(found) as file:
        content = unpacked_by(file, found.size_bytes, packing)
        for part, together in _by_record(parts):
            try:
                require_part_size(part.size_bytes, max_bytes)
                content.seek(part.start)
                place = RecordPlace(start=part.start, size_bytes=part.size_bytes)
                payload = checked_payload(content.read(place.end - place.start))
            except ImageFailure as failure:
                yield from (failure for _ in together)
            except TFRecordError as error:
                failure = ImageFailure(Failure.READ_ERROR, str(error))
                yield from (failure for _ in together)
            else:
                yield from _images_of_record(payload, together)


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    """Turn what is wrong with a file of records into its failure."""
    try:
        yield
    except TruncatedTFRecordError as error:
        raise ImageFailure(Failure.TRUNCATED, str(error)) from error
    except (TFRecordError, PackedError) as error:
        raise ImageFailure(Failure.UNREADABLE, str(error)) from error
