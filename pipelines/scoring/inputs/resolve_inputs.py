"""What the user named, found out before the job starts."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

from pipelines.scoring.allowed_buckets import buckets_of
from pipelines.scoring.carried.layout import FoundLayout
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.input import Input, InputError, InputKind
from pipelines.scoring.inputs.list_input import list_input
from pipelines.scoring.inputs.manifests import manifest_schema, require_manifest
from pipelines.scoring.inputs.numbered_files import count_numbered, is_numbered
from pipelines.scoring.shards.formats import shard_format_of
from pipelines.scoring.shards.list_shard import list_shard
from pipelines.scoring.shards.parquet_shard import holds_images
from pipelines.scoring.shards.shard import Shard
from pipelines.storage import NameRefused, has_magic, resolve, storage_for
from pipelines.storage.uris import without_secrets

_SHARDS_LOOKED_INTO = 10
_KINDS_BY_SUFFIX = {
    ".csv": InputKind.CSV,
    ".tsv": InputKind.CSV,
    ".parquet": InputKind.PARQUET,
    ".parq": InputKind.PARQUET,
    ".pq": InputKind.PARQUET,
    ".txt": InputKind.URI_LIST,
}


def resolve_inputs(
    uris: Sequence[str],
    *,
    uri_column: str,
    image_column: str | None = None,
    allowed: Iterable[str] = (),
) -> tuple[Input, ...]:
    """Find out what each `--input` is.

    What exists under exactly the given name is taken literally, even if the name looks
    like a glob.

    Args:
      uris: As the user gave them; relative paths are relative to the current folder.
      uri_column: Column of manifests that names the images.
      image_column: Column or feature of files that hold images; None means the usual
        names.
      allowed: URIs whose buckets lists may name, besides those of the inputs.

    Raises:
      InputError: If an input does not exist, is empty, or cannot be read as what it is.
      StorageError: If the store cannot be reached.
    """
    inputs = [
        _resolve_input(number, uri, uri_column, image_column)
        for number, uri in enumerate(uris)
    ]
    buckets = buckets_of([*(one.uri for one in inputs), *allowed])
    inputs = [dataclasses.replace(one, buckets=buckets) for one in inputs]
    for one in inputs:
        _require_images(one)
    return tuple(inputs)


def _resolve_input(
    number: int, text: str, uri_column: str, image_column: str | None
) -> Input:
    try:
        uri = resolve(text, base=None)
    except NameRefused as refused:
        told = without_secrets(text)
        raise InputError(f"--input {told}: {refused}") from refused
    kind, uri = _kind_of(text, uri, uri_column, image_column)
    if kind in (InputKind.CSV, InputKind.PARQUET):
        require_manifest(uri, kind, uri_column)
    return Input(
        number=number,
        uri=uri,
        kind=kind,
        uri_column=uri_column,
        image_column=image_column,
    )


def _kind_of(
    text: str, uri: str, uri_column: str, image_column: str | None
) -> tuple[InputKind, str]:
    """Return what an input is, and its URI, which for a folder ends with a slash."""
    storage = storage_for(uri)
    if storage.stat(uri) is not None and not uri.endswith("/"):
        return _kind_of_file(uri, uri_column, image_column), uri
    folder = uri if uri.endswith("/") else f"{uri}/"
    if storage.is_folder(folder):
        return InputKind.FOLDER, folder
    if has_magic(uri):
        return InputKind.GLOB, uri
    if is_numbered(uri):
        count_numbered(uri)
        return InputKind.NUMBERED, uri
    raise InputError(
        f"--input {text}: there is no such file or folder; a glob needs *, ? or [...], "
        "numbered files need {000..010}"
    )


def _kind_of_file(uri: str, uri_column: str, image_column: str | None) -> InputKind:
    kind = _kind_by_suffix(uri)
    if kind is InputKind.PARQUET:
        schema = manifest_schema(uri, kind)
        if uri_column not in schema.names and holds_images(schema, image_column):
            return InputKind.SHARD
    if kind:
        return kind
    return InputKind.SHARD if shard_format_of(uri) else InputKind.IMAGE


def _kind_by_suffix(uri: str) -> InputKind | None:
    """Return which list or manifest a file's name says, None for anything else."""
    suffix = uri[uri.rfind(".") :].lower() if "." in uri else ""
    return _KINDS_BY_SUFFIX.get(suffix)


def _require_no_manifest(one: Input, shard: Shard) -> None:
    kind = _kind_by_suffix(shard.uri)
    if one.kind is InputKind.GLOB and kind is InputKind.PARQUET:
        try:
            schema = manifest_schema(shard.uri, InputKind.PARQUET)
        except InputError:
            return  # its row will tell
        if one.uri_column in schema.names:
            raise InputError(
                f"--input {one.uri}: {shard.uri} is a manifest, as it has a column "
                f"{one.uri_column!r}; name every manifest by an --input of its own"
            )


def _require_images(one: Input) -> None:
    """Refuse an input that names nothing, or only shards that hold nothing.

    Raises:
      InputError: If it does, or if it is one shard that cannot be read at all.
    """
    shard_count = 0
    named_first = (n for n in list_input(one) if not isinstance(n, FoundLayout))
    for named in itertools.islice(named_first, _SHARDS_LOOKED_INTO):
        if not isinstance(named, Shard):
            return
        _require_no_manifest(one, named)
        refs = (n for n in list_shard(named) if isinstance(n, ImageRef))
        first = next(refs, None)
        if first and first.refusal and first.uri == one.uri:
            raise InputError(f"--input {one.uri}: {first.refusal[1]}")
        if first:
            return
        shard_count += 1
    if shard_count < _SHARDS_LOOKED_INTO:
        raise InputError(f"--input {one.uri} ({one.kind}) names no images")
