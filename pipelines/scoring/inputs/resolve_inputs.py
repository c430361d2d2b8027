"""What the user named, found out before the job starts."""

import dataclasses
from collections.abc import Iterable, Sequence

from pipelines.scoring.allowed_buckets import buckets_of
from pipelines.scoring.choosing.choice import Choice
from pipelines.scoring.choosing.side_files import SIDE_FILE_KINDS
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.input import MANIFESTS, Input, InputError, InputKind
from pipelines.scoring.inputs.earlier_ledger import found_ledger
from pipelines.scoring.inputs.inventories.report import is_report
from pipelines.scoring.inputs.list_input import folder_of, list_input
from pipelines.scoring.inputs.manifest_files import (
    manifest_files,
    parts_below,
)
from pipelines.scoring.inputs.manifest_names import kind_of_name
from pipelines.scoring.inputs.manifests import manifest_schema
from pipelines.scoring.inputs.numbered_files import count_numbered, is_numbered
from pipelines.scoring.inputs.unread_files import (
    advice_on_containers,
    is_container,
    pattern_for,
    unread_file,
)
from pipelines.scoring.shards.formats import shard_format_of
from pipelines.scoring.shards.list_shard import list_shard
from pipelines.scoring.shards.parquet_shard import holds_images
from pipelines.scoring.shards.shard import Shard
from pipelines.storage import NameRefused, has_magic, resolve, storage_for
from pipelines.storage.uris import without_secrets
from schemas.left_out import LeftOut, LeftOutTally

_SHARDS_LOOKED_INTO = 10
_CONTAINERS_LOOKED_AT = 1000


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
    found = _found(text, uri, uri_column, image_column)
    return dataclasses.replace(
        found, number=number, uri_column=uri_column, image_column=image_column
    )


def _found(text: str, uri: str, uri_column: str, image_column: str | None) -> Input:
    """Return what an input is; the URI of a folder ends with a slash."""
    storage = storage_for(uri)
    found = storage.stat(uri)
    if found is not None and not uri.endswith("/"):
        kind = _kind_of_file(uri, uri_column, image_column)
        return Input(number=0, uri=uri, kind=kind, size_bytes=found.size_bytes)
    folder = uri if uri.endswith("/") else f"{uri}/"
    if storage.is_folder(folder):
        return _found_folder(text, folder, uri_column, image_column)
    if not has_magic(uri) and not is_numbered(uri):
        raise InputError(
            f"--input {text}: there is no such file or folder; a glob needs *, ? or "
            "[...], numbered files need {000..010}"
        )
    other = InputKind.GLOB if has_magic(uri) else InputKind.NUMBERED
    if other is InputKind.NUMBERED:
        count_numbered(uri)
    many = Input(number=0, uri=uri, kind=kind_of_name(uri) or other, is_many=True)
    if many.kind is InputKind.PARQUET:
        first = next((f for f in manifest_files(many) if storage.stat(f)), None)
        if first is None or not _is_manifest(first, uri_column):
            return Input(number=0, uri=uri, kind=other)
    return many if many.kind in MANIFESTS else Input(number=0, uri=uri, kind=other)


def _found_folder(
    text: str, folder: str, uri_column: str, image_column: str | None
) -> Input:
    """Return a folder of images, or a table that is one: a ledger, or Spark's.

    A table is known by a manifest's suffix, or by the file that Spark writes last.
    """
    storage = storage_for(folder)
    if ledger := found_ledger(folder):
        return ledger
    if storage.is_folder(f"{folder}_delta_log/"):
        raise InputError(
            f"--input {text} is a Delta table, whose files alone do not say which rows "
            "it has; name a table written from it, or its image folder"
        )
    if kind_of_name(folder) is None and storage.stat(f"{folder}_SUCCESS") is None:
        return Input(number=0, uri=folder, kind=InputKind.FOLDER)
    first = next(parts_below(folder), "")
    kind = kind_of_name(first)
    if kind is None:
        return Input(number=0, uri=folder, kind=InputKind.FOLDER)
    if kind is InputKind.PARQUET and not _is_manifest(first, uri_column):
        schema = manifest_schema(first)
        if holds_images(schema, image_column):
            return Input(number=0, uri=folder, kind=InputKind.PARTS)
    return Input(number=0, uri=folder, kind=kind, is_many=True)


def _is_manifest(uri: str, uri_column: str) -> bool:
    """Whether a Parquet file names images; one that is damaged has no say."""
    try:
        return uri_column in manifest_schema(uri).names
    except InputError:
        return False


def _kind_of_file(uri: str, uri_column: str, image_column: str | None) -> InputKind:
    kind = kind_of_name(uri)
    if kind is InputKind.PARQUET:
        schema = manifest_schema(uri)
        if uri_column not in schema.names and holds_images(schema, image_column):
            return InputKind.SHARD
    if kind:
        return kind
    if shard_format_of(uri):
        return InputKind.SHARD
    if is_report(uri):
        return InputKind.INVENTORY
    if unread := unread_file(uri):
        raise InputError(
            f"--input {uri} is {unread.what}, which is not read: {unread.instead}"
        )
    return InputKind.IMAGE


def _require_images(one: Input) -> None:
    """Refuse an input that names nothing to try, or only what cannot be read.

    Raises:
      InputError: If it names nothing, shards that hold nothing, one shard that cannot
        be read at all, or containers that are no shards here.
    """
    containers: list[str] = []
    first_list = None
    left_out = LeftOutTally()
    shard_count = 0
    for named in list_input(one):
        if isinstance(named, Shard):
            if _has_images(named, one, left_out):
                return
            shard_count += 1
        elif isinstance(named, ImageRef):
            if named.refusal or not is_container(named.key):
                return
            containers.append(named.key)
        elif isinstance(named, LeftOut):
            left_out.add(named)
            if first_list is None and kind_of_name(named.example or ""):
                first_list = named.example
        if shard_count == _SHARDS_LOOKED_INTO:
            return
        if len(containers) == _CONTAINERS_LOOKED_AT:
            break
    told = f"--input {one.uri} ({one.kind}) names no images"
    if containers and not shard_count:
        folder = None if one.kind in MANIFESTS else folder_of(one)
        raise InputError(f"{told}: {advice_on_containers(folder, containers)}")
    told += _told_left_out(left_out.total())
    if first_list:
        pattern = pattern_for(folder_of(one), first_list)
        told += f"; lists and manifests are read if they are named by {pattern}"
    raise InputError(told)


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
