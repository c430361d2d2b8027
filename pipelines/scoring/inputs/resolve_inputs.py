"""What the user named, found out before the job starts."""

import dataclasses
from collections.abc import Iterable, Sequence

from pipelines.scoring.allowed_buckets import buckets_of
from pipelines.scoring.choice import Choice
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.input import Input, InputError, InputKind
from pipelines.scoring.inputs.list_input import folder_of, list_input
from pipelines.scoring.inputs.manifests import manifest_schema, require_manifest
from pipelines.scoring.inputs.numbered_files import count_numbered, is_numbered
from pipelines.scoring.inputs.unread_files import (
    advice_on_containers,
    is_container,
    unread_file,
)
from pipelines.scoring.shards.formats import shard_format_of
from pipelines.scoring.shards.list_shard import list_shard
from pipelines.scoring.shards.parquet_shard import holds_images
from pipelines.scoring.shards.shard import Shard
from pipelines.scoring.side_files import SIDE_FILE_KINDS
from pipelines.storage import NameRefused, has_magic, resolve, storage_for
from pipelines.storage.uris import without_secrets
from schemas.left_out import LeftOut, LeftOutTally

_SHARDS_LOOKED_INTO = 10
_CONTAINERS_LOOKED_AT = 1000
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
    choice: Choice | None = None,
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
      choice: Which of the files that they name are tried; None means the usual.

    Raises:
      InputError: If an input does not exist, is empty, or cannot be read as what it is.
      StorageError: If the store cannot be reached.
    """
    inputs = [
        _resolve_input(number, uri, uri_column, image_column)
        for number, uri in enumerate(uris)
    ]
    buckets = buckets_of([*(one.uri for one in inputs), *allowed])
    inputs = [
        dataclasses.replace(one, buckets=buckets, choice=choice or Choice())
        for one in inputs
    ]
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
    if shard_format_of(uri):
        return InputKind.SHARD
    if unread := unread_file(uri):
        raise InputError(
            f"--input {uri} is {unread.what}, which is not read: {unread.instead}"
        )
    return InputKind.IMAGE


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
    """Refuse an input that names nothing to try, or only what cannot be read.

    Raises:
      InputError: If it names nothing, shards that hold nothing, one shard that cannot
        be read at all, or containers that are no shards here.
    """
    containers: list[str] = []
    left_out = LeftOutTally()
    shard_count = 0
    for named in list_input(one):
        if isinstance(named, Shard):
            _require_no_manifest(one, named)
            if _has_images(named, one, left_out):
                return
            shard_count += 1
        elif isinstance(named, ImageRef):
            if named.refusal or not is_container(named.key):
                return
            containers.append(named.key)
        elif isinstance(named, LeftOut):
            left_out.add(named)
        if shard_count == _SHARDS_LOOKED_INTO:
            return
        if len(containers) == _CONTAINERS_LOOKED_AT:
            break
    told = f"--input {one.uri} ({one.kind})"
    if containers and not shard_count:
        advice = advice_on_containers(folder_of(one), containers)
        raise InputError(f"{told} names no images: {advice}")
    raise InputError(f"{told} names no images{_told_left_out(left_out.total())}")


def _has_images(shard: Shard, one: Input, left_out: LeftOutTally) -> bool:
    """Whether a shard holds something to try; counts what is left out before that."""
    for named in list_shard(shard):
        if isinstance(named, ImageRef):
            if named.refusal and named.uri == one.uri:
                raise InputError(f"--input {one.uri}: {named.refusal[1]}")
            return True
        if isinstance(named, LeftOut):
            left_out.add(named)
    return False


def _told_left_out(left_out: Sequence[LeftOut]) -> str:
    """Return what of an input was left out, and how that could be tried."""
    if not left_out:
        return ""
    told = ", ".join(f"{one.count:,} {one.reason}" for one in left_out)
    cure = "; --all_files tries all files of a folder"
    is_cured = any(one.reason in SIDE_FILE_KINDS for one in left_out)
    return f" to try; left out: {told}{cure if is_cured else ''}"
