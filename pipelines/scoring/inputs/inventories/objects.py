"""Objects that the files of an inventory report list."""

import contextlib
import csv
import gzip
import hashlib
import io
import tempfile
import urllib.parse
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.orc as orc

from pipelines.records.parquet import open_parquet
from pipelines.scoring.allowed_buckets import require_allowed
from pipelines.scoring.carried.arrow_types import CannotCarryError
from pipelines.scoring.input import Input, InputError
from pipelines.scoring.inputs.inventories.report import Report, ReportFile
from pipelines.scoring.inputs.listed_rows import Told, arrow_values, listed_by
from pipelines.scoring.inputs.text_lines import unreadable
from pipelines.storage import NameRefused, StoredObject, resolve, storage_for
from schemas.left_out import LeftOut

KIND = "inventory report"
_BATCH_ROWS = 10_000
_COPIED_AT_ONCE = 1 << 20
# Names of the columns, without capital letters and underscores: first Google's.
_NAMES = ("name", "key")
_GENERATIONS = {"gs": "generation", "s3": "etag"}
_TIMES = {"gs": "updated", "s3": "lastmodifieddate"}
_OTHERS = ("bucket", "size", "timedeleted", "isdeletemarker", "islatest")
_KNOWN = frozenset([*_NAMES, *_GENERATIONS.values(), *_TIMES.values(), *_OTHERS])
_FIELDS = {"gs": "name, size and generation", "s3": "Size and ETag"}


class ListedObject(NamedTuple):
    """One object of a report.

    Attributes:
      key: Its name in its bucket.
      found: What the report says of it.
    """

    key: str
    found: StoredObject


def report_objects(
    report: Report, file: ReportFile, one: Input
) -> Iterator[ListedObject | LeftOut]:
    """Yield what one file of a report lists, in its order.

    What is no object that can be read, such as an old version, is left out and counted.
    Marks of folders are passed over, as in every listing.

    Args:
      report: The report.
      file: The file.
      one: The input, whose buckets the report may name.

    Raises:
      InputError: If the file is damaged, lacks a column, or lists another bucket.
      StorageError: If the store fails.
    """
    for number, row in enumerate(_rows(report, file)):
        whence = f"{KIND} {file.uri}#row={number}"
        name = row.get("name", row.get("key")) or ""
        if report.is_quoted:
            name = urllib.parse.unquote_plus(name)
        if name.endswith("/"):
            continue
        if reason := _why_not(row):
            yield LeftOut(reason=reason, example=name)
            continue
        bucket = row.get("bucket") or report.bucket
        try:
            uri = resolve(f"{report.store}://{bucket}/{name}", base=None)
            require_allowed(uri, one.buckets)
        except NameRefused as refused:
            raise InputError(f"{whence}: {refused}") from refused
        told = Told(
            row[_GENERATIONS[report.store]],
            row["size"],
            row.get(_TIMES[report.store]),
        )
        found = listed_by(told, uri, whence, cure="let the store write the report anew")
        if found is None:
            raise InputError(
                f"{whence} lacks its {_FIELDS[report.store]}, without which an object "
                "cannot be pinned; let the store write the report anew"
            )
        yield ListedObject(name, found)


def _why_not(row: Mapping[str, Any]) -> str | None:
    if _is_true(row.get("isdeletemarker")):
        return "delete markers"
    if row.get("timedeleted") or row.get("islatest") in (False, "false", "FALSE"):
        return "versions that are not the latest"
    return None


def _is_true(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _rows(report: Report, file: ReportFile) -> Iterator[dict[str, Any]]:
    """Yield rows by the names of columns, without capital letters and underscores."""
    name = file.uri.lower()
    try:
        with _opened(file) as opened:
            if name.endswith((".parquet", ".orc")):
                is_orc = name.endswith(".orc")
                batches = (_orc if is_orc else _parquet)(opened, report, file)
                for batch in batches:
                    yield from _rows_of(batch)
            else:
                yield from _csv(opened, report, file, is_packed=name.endswith(".gz"))
    except (pa.ArrowException, CannotCarryError, csv.Error, UnicodeError) as error:
        raise unreadable(file.uri, KIND, error) from error
    except (EOFError, zlib.error, OSError) as error:
        raise unreadable(file.uri, KIND, error) from error


@contextlib.contextmanager
def _opened(file: ReportFile) -> Iterator[BinaryIO]:
    """Open a file of a report; one with a digest is copied to the disk and compared.

    Raises:
      InputError: If it is not what the manifest says.
    """
    with storage_for(file.uri).open_read(file.uri) as stored:
        if file.md5 is None:
            yield stored
            return
        with tempfile.TemporaryFile() as copy:
            digest = hashlib.md5(usedforsecurity=False)
            while data := stored.read(_COPIED_AT_ONCE):
                digest.update(data)
                copy.write(data)
            if digest.hexdigest() != file.md5:
                raise InputError(
                    f"{KIND} {file.uri} has the MD5 checksum {digest.hexdigest()}, and "
                    f"its manifest says {file.md5}: it was changed or damaged; let the "
                    "store write the report anew"
                )
            copy.seek(0)
            yield copy  # pyright: ignore[reportReturnType]


def _csv(
    opened: BinaryIO, report: Report, file: ReportFile, *, is_packed: bool
) -> Iterator[dict[str, Any]]:
    stream: Any = gzip.GzipFile(fileobj=opened) if is_packed else opened
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    rows = csv.reader(text, delimiter=report.delimiter, strict=True)
    columns: Sequence[str] = report.columns or next(rows, [])
    names = _known_columns(columns, report, file)
    for number, row in enumerate(rows):
        if len(row) != len(columns):
            raise InputError(
                f"{KIND} {file.uri}#row={number} has {len(row)} values where "
                f"{len(columns)} belong; let the store write the report anew"
            )
        yield {name: row[place] for name, place in names.items()}


def _parquet(
    opened: BinaryIO, report: Report, file: ReportFile
) -> Iterator[pa.RecordBatch]:
    parquet = open_parquet(opened)
    columns = parquet.schema_arrow.names
    places = _known_columns(columns, report, file)
    wanted = [columns[place] for place in places.values()]
    yield from parquet.iter_batches(_BATCH_ROWS, columns=wanted)


def _orc(
    opened: BinaryIO, report: Report, file: ReportFile
) -> Iterator[pa.RecordBatch]:
    found = orc.ORCFile(opened)
    columns = found.schema.names
    places = _known_columns(columns, report, file)
    wanted = [columns[place] for place in places.values()]
    for stripe in range(found.nstripes):
        yield found.read_stripe(stripe, columns=wanted)


def _rows_of(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    names = [_plain(name) for name in batch.schema.names]
    columns = [
        arrow_values(name, array)
        for name, array in zip(names, batch.columns, strict=True)
    ]
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def _known_columns(
    columns: Sequence[str], report: Report, file: ReportFile
) -> dict[str, int]:
    """Return the places of the columns that are used.

    Raises:
      InputError: If one that is needed is missing.
    """
    places = {_plain(name): place for place, name in enumerate(columns)}
    needed = ("size", _GENERATIONS[report.store])
    has_names = any(name in places for name in _NAMES)
    has_bucket = report.bucket is not None or "bucket" in places
    if not (has_names and has_bucket and all(name in places for name in needed)):
        raise InputError(
            f"{KIND} {file.uri} has the columns {', '.join(columns)}; add "
            f"{_FIELDS[report.store]} to the fields of the report, without which "
            "objects cannot be pinned"
        )
    return {name: place for name, place in places.items() if name in _KNOWN}


def _plain(name: str) -> str:
    return name.strip().replace("_", "").lower()
