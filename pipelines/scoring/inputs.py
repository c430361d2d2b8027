"""List: what the user named becomes image refs, streamed in a fixed order."""

import dataclasses
import enum
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from pipelines.scoring.allowed_buckets import buckets_of, require_allowed
from pipelines.scoring.image_ref import ImageRef
from pipelines.storage import Glob, has_magic, resolve, storage_for
from pipelines.storage.uris import without_secrets
from schemas.failures import ImageFailure

_BATCH_ROWS = 10_000


class InputError(ValueError):
    """An input that cannot be listed; one line says which and what would help."""


class InputKind(enum.StrEnum):
    """How the images of an input are found."""

    IMAGE = "image"
    FOLDER = "folder"
    GLOB = "glob"
    URI_LIST = "list of URIs"
    CSV = "CSV manifest"
    PARQUET = "Parquet manifest"


_KINDS_BY_SUFFIX = {
    ".csv": InputKind.CSV,
    ".tsv": InputKind.CSV,
    ".parquet": InputKind.PARQUET,
    ".txt": InputKind.URI_LIST,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Input:
    """One `--input`, resolved.

    Attributes:
      number: Place among the inputs; of repeated images the first is kept.
      uri: Folder, image, glob, list or manifest.
      kind: How its images are found.
      uri_column: The manifest's column that names the images.
      carried: The manifest's other columns.
      carried_names: Names of the carried columns of all inputs together, in order.
      buckets: Buckets that a list may name.
    """

    number: int
    uri: str
    kind: InputKind
    uri_column: str = "uri"
    carried: tuple[pa.Field, ...] = ()
    carried_names: tuple[str, ...] = ()
    buckets: frozenset[str] = frozenset()


def resolve_inputs(
    uris: Sequence[str], *, uri_column: str, allowed: Iterable[str] = ()
) -> tuple[Input, ...]:
    """Find out what each `--input` is.

    What exists under exactly the given name is taken literally, even if the name looks
    like a glob.

    Args:
      uris: As the user gave them; relative paths are relative to the current folder.
      uri_column: Column of manifests that names the images.
      allowed: URIs whose buckets lists may name, besides those of the inputs.

    Raises:
      InputError: If an input does not exist, is empty, or cannot be read as what it is.
      StorageError: If the store cannot be reached.
    """
    inputs = [
        _resolve_input(number, uri, uri_column) for number, uri in enumerate(uris)
    ]
    names = tuple(field.name for field in carried_fields(inputs))
    buckets = buckets_of([*(one.uri for one in inputs), *allowed])
    inputs = [
        dataclasses.replace(one, carried_names=names, buckets=buckets) for one in inputs
    ]
    for one in inputs:
        if next(list_input(one), None) is None:
            raise InputError(f"--input {one.uri} ({one.kind}) names no images")
    return tuple(inputs)


def carried_fields(inputs: Sequence[Input]) -> tuple[pa.Field, ...]:
    """Return the carried columns of all inputs together, in order of first mention.

    Raises:
      InputError: If two inputs have a column of one name but of different types.
    """
    fields: dict[str, pa.Field] = {}
    for one in inputs:
        for field in one.carried:
            known = fields.setdefault(field.name, field)
            if known.type != field.type:
                raise InputError(
                    f"column {field.name!r} is {field.type} in {one.uri} but "
                    f"{known.type} in another input; give it one type or another name"
                )
    return tuple(fields.values())


def list_input(one: Input) -> Iterator[ImageRef]:
    """Yield the refs of one input, repeats included, in a fixed order.

    Raises:
      InputError: If a list or manifest turns out to be damaged.
      StorageError: If the store fails.
    """
    if one.kind in (InputKind.IMAGE, InputKind.FOLDER, InputKind.GLOB):
        return _list_objects(one)
    return _list_named(one)


def _resolve_input(number: int, text: str, uri_column: str) -> Input:
    try:
        uri = resolve(text, base=None)
    except ImageFailure as failure:
        told = without_secrets(text)
        raise InputError(f"--input {told}: {failure.detail}") from failure
    storage = storage_for(uri)
    if storage.stat(uri) is not None and not uri.endswith("/"):
        suffix = uri[uri.rfind(".") :].lower() if "." in uri else ""
        kind = _KINDS_BY_SUFFIX.get(suffix, InputKind.IMAGE)
        carried = _manifest_fields(uri, kind, uri_column)
        return Input(
            number=number, uri=uri, kind=kind, uri_column=uri_column, carried=carried
        )
    folder = uri if uri.endswith("/") else f"{uri}/"
    if storage.is_folder(folder):
        return Input(number=number, uri=folder, kind=InputKind.FOLDER)
    if has_magic(uri):
        return Input(number=number, uri=uri, kind=InputKind.GLOB)
    raise InputError(
        f"--input {text}: there is no such file or folder; a glob needs *, ? or [...]"
    )


def _list_objects(one: Input) -> Iterator[ImageRef]:
    storage = storage_for(one.uri)
    if one.kind is InputKind.IMAGE:
        found = storage.stat(one.uri)
        objects = iter([found] if found else [])
        prefix = one.uri[: one.uri.rfind("/") + 1]
    elif one.kind is InputKind.FOLDER:
        objects = storage.list(one.uri)
        prefix = one.uri
    else:
        glob = Glob(one.uri)
        objects = (o for o in storage.list(glob.prefix) if glob.matches(o.uri))
        prefix = glob.prefix
    nothing_carried = (None,) * len(one.carried_names)
    for place, found in enumerate(objects):
        yield ImageRef(
            uri=found.uri,
            key=found.uri.removeprefix(prefix),
            order=(one.number, place),
            carried=nothing_carried,
            listed=found,
        )


def _list_named(one: Input) -> Iterator[ImageRef]:
    folder = one.uri[: one.uri.rfind("/") + 1]
    for place, (name, carried) in enumerate(_named_images(one)):
        refusal = None
        try:
            uri = require_allowed(resolve(name, base=folder), one.buckets)
        except ImageFailure as failure:
            refusal = (failure.failure, failure.detail)
            uri = without_secrets(name)
        yield ImageRef(
            uri=uri,
            key=uri if refusal else name,
            order=(one.number, place),
            carried=tuple(carried.get(column) for column in one.carried_names),
            refusal=refusal,
        )


def _named_images(one: Input) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what a list or manifest says of each image: its name, its other columns."""
    if one.kind is InputKind.URI_LIST:
        for name in _lines(one.uri):
            yield name, {}
        return
    for batch in _manifest_batches(one.uri, one.kind):
        names = batch.column(one.uri_column).cast(pa.string()).to_pylist()
        columns = {
            field.name: _python_values(batch.column(field.name), field.type)
            for field in one.carried
        }
        for row, name in enumerate(names):
            yield name or "", {k: values[row] for k, values in columns.items()}


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


def _manifest_fields(
    uri: str, kind: InputKind, uri_column: str
) -> tuple[pa.Field, ...]:
    """Return the manifest's columns other than `uri_column`; () for other kinds."""
    if kind not in (InputKind.CSV, InputKind.PARQUET):
        return ()
    schema = _manifest_schema(uri, kind)
    if repeated := {n for n in schema.names if schema.names.count(n) > 1}:
        raise InputError(f"{kind} {uri} has two columns named {min(repeated)!r}")
    if uri_column not in schema.names:
        raise InputError(
            f"{kind} {uri} has no column {uri_column!r}; it has "
            f"{', '.join(schema.names)}: name the one with the URIs by --uri_column"
        )
    return tuple(
        pa.field(field.name, _plain_type(field.type))
        for field in schema
        if field.name != uri_column
    )


def _manifest_schema(uri: str, kind: InputKind) -> pa.Schema:
    try:
        with storage_for(uri).open_read(uri) as file:
            if kind is InputKind.PARQUET:
                return pq.read_schema(file)
            names = _open_csv(uri, file, types={}).schema.names
            return pa.schema([pa.field(name, pa.string()) for name in names])
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(uri, kind, error) from error


def _manifest_batches(uri: str, kind: InputKind) -> Iterator[pa.RecordBatch]:
    try:
        with storage_for(uri).open_read(uri) as file:
            if kind is InputKind.PARQUET:
                yield from pq.ParquetFile(file).iter_batches(_BATCH_ROWS)
                return
            names = _manifest_schema(uri, kind).names
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


def _plain_type(data_type: pa.DataType) -> pa.DataType:
    """Return a carried column's type in the ledger: dictionaries are written out."""
    return data_type.value_type if pa.types.is_dictionary(data_type) else data_type


def _python_values(column: pa.Array, data_type: pa.DataType) -> list[Any]:
    """Return values that travel with a ref; times travel as integers, losslessly."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(data_type)
    if pa.types.is_timestamp(data_type) or pa.types.is_duration(data_type):
        column = column.cast(pa.int64())
    if pa.types.is_time64(data_type):
        column = column.cast(pa.int64())
    return column.to_pylist()
