"""Lists and manifests: files that name images, one a line or one a row."""

import io
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from pipelines.scoring.carried.layout import NOTHING, Carried
from pipelines.scoring.carried.rows import carry_arrow
from pipelines.scoring.input import Input, InputError, InputKind
from pipelines.storage import storage_for

_BATCH_ROWS = 10_000


def named_images(one: Input) -> Iterator[tuple[str, Carried]]:
    """Yield what a list or manifest says of each image: its name, its other columns.

    Raises:
      InputError: If it turns out to be damaged.
      StorageError: If the store fails.
    """
    if one.kind is InputKind.URI_LIST:
        for name in _lines(one.uri):
            yield name, NOTHING
        return
    for batch in _manifest_batches(one.uri, one.kind):
        names = batch.column(one.uri_column).cast(pa.string()).to_pylist()
        columns = {
            name: batch.column(name)
            for name in batch.schema.names
            if name != one.uri_column
        }
        rows = carry_arrow(columns, count=batch.num_rows)
        yield from zip([name or "" for name in names], rows, strict=True)


def require_manifest(uri: str, kind: InputKind, uri_column: str) -> None:
    """Refuse a manifest without `uri_column`, or with two columns of one name.

    Raises:
      InputError: If it has no such column, or two of one name.
    """
    schema = manifest_schema(uri, kind)
    if repeated := {n for n in schema.names if schema.names.count(n) > 1}:
        raise InputError(f"{kind} {uri} has two columns named {min(repeated)!r}")
    if uri_column not in schema.names:
        raise InputError(
            f"{kind} {uri} has no column {uri_column!r}; it has "
            f"{', '.join(schema.names)}: name the one with the URIs by --uri_column"
        )


def manifest_schema(uri: str, kind: InputKind) -> pa.Schema:
    """Return a manifest's columns; those of CSV are text.

    Raises:
      InputError: If it cannot be read.
    """
    try:
        with storage_for(uri).open_read(uri) as file:
            if kind is InputKind.PARQUET:
                return pq.read_schema(file)
            names = _open_csv(uri, file, types={}).schema.names
            return pa.schema([pa.field(name, pa.string()) for name in names])
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(uri, kind, error) from error


def _lines(uri: str) -> Iterator[str]:
    """Yield the non-empty lines of a text file."""
    try:
        with storage_for(uri).open_read(uri) as file:
            for line in io.TextIOWrapper(file, encoding="utf-8-sig", newline="\n"):
                if name := line.rstrip("\r\n"):
                    yield name
    except UnicodeDecodeError as error:
        raise InputError(
            f"list of URIs {uri} is not UTF-8 text ({error.reason} at byte "
            f"{error.start}); write one URI a line"
        ) from error


def _manifest_batches(uri: str, kind: InputKind) -> Iterator[pa.RecordBatch]:
    try:
        with storage_for(uri).open_read(uri) as file:
            if kind is InputKind.PARQUET:
                yield from pq.ParquetFile(file).iter_batches(_BATCH_ROWS)
                return
            names = manifest_schema(uri, kind).names
            yield from _open_csv(uri, file, types=dict.fromkeys(names, pa.string()))
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(uri, kind, error) from error


def _open_csv(
    uri: str, file: BinaryIO, *, types: dict[str, pa.DataType]
) -> pyarrow.csv.CSVStreamingReader:
    delimiter = "\t" if uri.lower().endswith(".tsv") else ","
    return pyarrow.csv.open_csv(
        file,
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True
        ),
        convert_options=pyarrow.csv.ConvertOptions(column_types=types),
    )


def _unreadable(uri: str, kind: InputKind, error: Exception) -> InputError:
    reason = " ".join(str(error).split())
    return InputError(f"{kind} {uri} cannot be read: {reason}")
