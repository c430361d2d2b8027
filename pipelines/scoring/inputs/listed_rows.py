"""Rows of a manifest that say of an object what a listing would say of it."""

import datetime
import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from pipelines.scoring.carried.rows import plain_column
from pipelines.scoring.carried.transport import to_python
from pipelines.scoring.input import InputError
from pipelines.storage import StoredObject
from pipelines.storage.file_generation import is_file_generation
from pipelines.storage.uris import scheme_of

_NEEDED = ("generation", "size_bytes")
_TIME = "modified_at"
_CURE = "correct it, or rename the column so that its photos are looked up one by one"
_MAX_BYTES = 2**63 - 1
_NUMBER = re.compile(r"\d{1,19}")
_ETAG = re.compile(r"[\x21\x23-\x7e]+")
_SPELLINGS = {
    "gs": "a generation of gs:// is a number",
    "s3": "one of s3:// is an ETag",
    "": "one of a local file is as ledgers spell it, 1700000000000000000:1:2",
}


class Told(NamedTuple):
    """What a row says, unchecked.

    Attributes:
      generation: The store's version of the object.
      size_bytes: Its size.
      modified_at: When it last changed.
    """

    generation: Any
    size_bytes: Any
    modified_at: Any = None


def telling_columns(names: Collection[str]) -> tuple[str, ...]:
    """Return the columns that tell what a listing tells; none if one is missing.

    They are the ledger's own, which say the same; so they are not carried besides.
    """
    if not all(name in names for name in _NEEDED):
        return ()
    return (*_NEEDED, _TIME) if _TIME in names else _NEEDED


def told_by(row: Mapping[str, Any]) -> Told:
    """Return what a row that has the columns says."""
    generation, size_bytes = (row[name] for name in _NEEDED)
    return Told(generation, size_bytes, row.get(_TIME))


def told_by_columns(columns: Mapping[str, pa.Array]) -> list[Told] | None:
    """Return what rows that Arrow has read say, None without the columns.

    Raises:
      CannotCarryError: If one has a type that no value of it can be read of.
    """
    if not columns:
        return None
    generations, sizes = (arrow_values(name, columns[name]) for name in _NEEDED)
    times = [None] * len(sizes)
    if _TIME in columns:
        times = arrow_values(_TIME, columns[_TIME])
    return [Told(*told) for told in zip(generations, sizes, times, strict=True)]


def listed_by(
    told: Told | None, uri: str, whence: str, *, cure: str = _CURE
) -> StoredObject | None:
    """Return what a row says of an object, None if that is not enough for a listing.

    Args:
      told: What the row says.
      uri: The object.
      whence: What the row is called in messages.
      cure: What helps if it is malformed.

    Raises:
      InputError: If the row says what no listing can say.
    """
    if told is None or _is_missing(told.generation) or _is_missing(told.size_bytes):
        return None
    try:
        return StoredObject(
            uri=uri,
            size_bytes=_size_bytes(told.size_bytes),
            generation=_generation(told.generation, uri),
            modified_at=_time(told.modified_at),
        )
    except _MalformedError as error:
        raise InputError(f"{whence} has {error}; {cure}") from error


def arrow_values(name: str, array: pa.Array) -> list[Any]:
    """Return values that Arrow has read, times as such.

    Raises:
      CannotCarryError: If they have a type that no value of it can be read of.
    """
    if pa.types.is_timestamp(array.type):
        return array.cast(pa.timestamp("us", "UTC"), safe=False).to_pylist()
    return to_python(plain_column(name, array, array.type))


def _is_missing(value: Any) -> bool:
    return value is None or value == ""


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _size_bytes(value: Any) -> int:
    text = str(value) if isinstance(value, str) or _is_integer(value) else ""
    if not _NUMBER.fullmatch(text) or int(text) > _MAX_BYTES:
        raise _malformed("size_bytes", value, "a size is a number of bytes")
    return int(text)


def _generation(value: Any, uri: str) -> str:
    scheme = scheme_of(uri)
    text = str(value) if isinstance(value, str) or _is_integer(value) else ""
    if scheme == "s3" and len(text) > 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if scheme == "gs":
        is_right = _NUMBER.fullmatch(text) is not None
    elif scheme == "s3":
        is_right = _ETAG.fullmatch(text) is not None
    else:
        is_right = is_file_generation(text)
    if not is_right:
        told = _SPELLINGS.get(scheme, _SPELLINGS[""])
        raise _malformed("generation", value, told)
    return text


def _time(value: Any) -> datetime.datetime | None:
    if _is_missing(value):
        return None
    try:
        if not isinstance(value, datetime.datetime):
            value = datetime.datetime.fromisoformat(value)
        if value.tzinfo is None:
            return value.replace(tzinfo=datetime.UTC)
        return value.astimezone(datetime.UTC)
    except (TypeError, ValueError, OverflowError) as error:
        told = "a time is as 2026-01-02T03:04:05Z"
        raise _malformed(_TIME, value, told) from error


class _MalformedError(ValueError):
    """A value that no listing says."""


def _malformed(name: str, value: Any, told: str) -> _MalformedError:
    return _MalformedError(f"{name} {value!r}, and {told}")
