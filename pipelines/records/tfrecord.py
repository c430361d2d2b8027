"""TFRecord files of tf.train.Example, read without TensorFlow.

A record is its length (8 bytes, little endian), the length's checksum (4 bytes), its
payload, and the payload's checksum (4 bytes). A payload is one tf.train.Example in
protocol buffers' wire format: a map from feature names to lists of values.
"""

import dataclasses
import struct
from collections.abc import Collection, Iterator
from typing import BinaryIO, TypeAlias

import google_crc32c

from pipelines.records.first_bytes import kind_of_file

_LENGTH_BYTES = 8
_CHECKSUM_BYTES = 4
_HEADER_BYTES = _LENGTH_BYTES + _CHECKSUM_BYTES
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5
_VARINT_MAX_BYTES = 10
_FIRST_BYTES = 64

FeatureValues: TypeAlias = list[bytes] | list[float] | list[int]


class TFRecordError(ValueError):
    """A file that is no TFRecord file, a damaged record, or one that is no Example."""


class TruncatedTFRecordError(TFRecordError):
    """A file that ends inside a record."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RecordPlace:
    """Where a record's payload lies in its file.

    Attributes:
      start: Offset of its first byte.
      size_bytes: Its length, without its checksum.
    """

    start: int
    size_bytes: int

    @property
    def end(self) -> int:
        """Offset behind the payload's checksum."""
        return self.start + self.size_bytes + _CHECKSUM_BYTES


def find_records(
    file: BinaryIO, size_bytes: int | None, *, start: int = 0
) -> Iterator[RecordPlace]:
    """Yield where the records of a file lie; payloads are not read.

    Args:
      file: The file; it is only sought forwards.
      size_bytes: Its size; None if that is not known.
      start: Where to begin: at the beginning, or behind a record.

    Raises:
      TruncatedTFRecordError: Where the file ends inside a record.
      TFRecordError: Where a length does not match its checksum: what follows cannot be
        found.
    """
    offset = start
    while size_bytes is None or offset < size_bytes:
        if file.seek(offset) < offset:
            raise TruncatedTFRecordError("the file ends inside its last record")
        header = file.read(_HEADER_BYTES)
        if not header and size_bytes is None:
            return
        if len(header) < _HEADER_BYTES:
            raise TruncatedTFRecordError(
                f"the file ends inside a record's header at byte {offset}"
            )
        if offset == 0 and not starts_record(header):
            kind = kind_of_file(header + file.read(_FIRST_BYTES))
            how = f"it is {kind}" if kind else "it begins otherwise"
            raise TFRecordError(f"this is no TFRecord file: {how}")
        if not starts_record(header):
            raise TFRecordError(
                f"the file is damaged: a record's length at byte {offset} does not "
                "match its checksum"
            )
        length = int.from_bytes(header[:_LENGTH_BYTES], "little")
        place = RecordPlace(start=offset + _HEADER_BYTES, size_bytes=length)
        if size_bytes is not None and place.end > size_bytes:
            raise TruncatedTFRecordError(
                f"the file ends inside the record at byte {offset}"
            )
        yield place
        offset = place.end


def starts_record(first: bytes) -> bool:
    """Whether a file that begins so is one of records, by the checksum of a length."""
    if len(first) < _HEADER_BYTES:
        return False
    length, checksum = first[:_LENGTH_BYTES], first[_LENGTH_BYTES:_HEADER_BYTES]
    return _masked_crc32c(length).to_bytes(_CHECKSUM_BYTES, "little") == checksum


def read_records(file: BinaryIO, size_bytes: int) -> Iterator[bytes]:
    """Yield the payloads of a file in order, their checksums checked.

    Raises:
      TFRecordError: If the file is damaged or cut short.
    """
    for place in find_records(file, size_bytes):
        file.seek(place.start)
        yield checked_payload(file.read(place.end - place.start))


def checked_payload(data: bytes) -> bytes:
    """Return the payload of `data`, which is a payload and its checksum.

    Raises:
      TFRecordError: If they do not match.
    """
    if not is_undamaged(data):
        raise TFRecordError("the record does not match its checksum")
    return data[:-_CHECKSUM_BYTES]


def is_undamaged(data: bytes) -> bool:
    """Whether `data` is a payload and its checksum, and they match."""
    payload, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    return _masked_crc32c(payload).to_bytes(_CHECKSUM_BYTES, "little") == checksum


def write_record(file: BinaryIO, payload: bytes) -> None:
    """Append one record to a file."""
    length = struct.pack("<Q", len(payload))
    file.write(length)
    file.write(struct.pack("<I", _masked_crc32c(length)))
    file.write(payload)
    file.write(struct.pack("<I", _masked_crc32c(payload)))


def parse_example(
    payload: bytes, names: Collection[str] | None = None
) -> dict[str, FeatureValues]:
    """Return the features of a tf.train.Example by name.

    Args:
      payload: The serialized Example.
      names: Features that are wanted; None means all. Others are not even copied.

    Raises:
      TFRecordError: If it is no Example.
    """
    found: dict[str, FeatureValues] = {}
    for features in _messages(memoryview(payload), 1):
        for entry in _messages(features, 1):
            try:
                name = b"".join(_messages(entry, 1)).decode()
            except UnicodeDecodeError as error:
                raise TFRecordError("a feature's name is not UTF-8") from error
            if names is None or name in names:
                found[name] = _feature(next(_messages(entry, 2), memoryview(b"")))
    return found


def _feature(data: memoryview) -> FeatureValues:
    """Return the values of a Feature, which holds a list of one of three kinds."""
    for number, value in _fields(data):
        if not isinstance(value, memoryview):
            continue
        if number == 1:
            return [bytes(item) for item in _messages(value, 1)]
        if number == 2:
            return list(_floats(value))
        if number == 3:
            return list(_integers(value))
    return []


def _floats(data: memoryview) -> Iterator[float]:
    for number, value in _fields(data):
        if number == 1 and isinstance(value, memoryview):  # one, or many packed
            if len(value) % 4:
                raise TFRecordError("a list of floats ends inside a number")
            yield from (item for (item,) in struct.iter_unpack("<f", value))


def _integers(data: memoryview) -> Iterator[int]:
    for number, value in _fields(data):
        if number != 1:
            continue
        if isinstance(value, int):
            yield _signed(value)
            continue
        place = 0
        while place < len(value):
            item, place = _varint(value, place)
            yield _signed(item)


def _messages(data: memoryview, wanted: int) -> Iterator[memoryview]:
    """Yield the values of one field that are messages, texts or bytes."""
    for number, value in _fields(data):
        if number == wanted and isinstance(value, memoryview):
            yield value


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of every field of a message, in order."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, place = _varint(data, place)
            yield number, value
            continue
        if kind == _DELIMITED:
            length, place = _varint(data, place)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise TFRecordError("the record is no tf.train.Example")
        if length > len(data) - place:
            raise TFRecordError("the record is no tf.train.Example: it ends too early")
        yield number, data[place : place + length]
        place += length


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    """Return the number at `place` and the place behind it."""
    value = 0
    for index, byte in enumerate(data[place : place + _VARINT_MAX_BYTES]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & (2**64 - 1), place + index + 1
    raise TFRecordError("the record is no tf.train.Example: it has a broken number")


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _masked_crc32c(data: bytes) -> int:
    """Return a checksum as TFRecord files store it, rotated and shifted."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
