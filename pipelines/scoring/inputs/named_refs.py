"""Rows of manifests, and files, become image refs or the shards that they are."""

from collections.abc import Iterator

from pipelines.scoring.allowed_buckets import require_allowed
from pipelines.scoring.carried.layout import NOTHING, Carried
from pipelines.scoring.carried.layouts import Layouts
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.input import Input, InputKind
from pipelines.scoring.inputs.listed_rows import Told, listed_by
from pipelines.scoring.inputs.manifest_files import said_by_folders
from pipelines.scoring.inputs.manifests import named_images
from pipelines.scoring.inputs.spans import Rows
from pipelines.scoring.shards.formats import shard_format_of
from pipelines.scoring.shards.shard import Shard
from pipelines.storage import Refused, StoredObject, resolve
from pipelines.storage.uris import without_secrets
from schemas.failures import Failure


def list_file(
    one: Input,
    file: str,
    layouts: Layouts,
    place: tuple[int, ...],
    rows: Rows | None,
    *,
    start: int = 0,
) -> Iterator[ImageRef | Shard]:
    """Yield what rows of one list or manifest name.

    Args:
      one: The input.
      file: The file.
      layouts: What is carried.
      place: With what the places of its rows in the input begin.
      rows: Which rows; None means all.
      start: The number of the first one's place.
    """
    folder = file[: file.rfind("/") + 1]
    above = said_by_folders(file, one.uri)
    named = named_images(
        file,
        one.kind,
        one.uri_column,
        groups=range(rows.first_group, rows.end_group) if rows else None,
    )
    first_row = rows.first_row if rows else 0
    for number, (name, own, told) in enumerate(named):
        where = (*place, start + number)
        said = layouts.add(above, own, (one.number, *where))
        whence = f"{file}#row={first_row + number}"
        if not name:
            yield _nameless(one, whence, where, said)
        else:
            yield _named(one, name, folder, where, said, told, whence)


def _named(
    one: Input,
    name: str,
    folder: str,
    place: tuple[int, ...],
    said: Carried,
    told: Told | None,
    whence: str,
) -> ImageRef | Shard:
    try:
        uri = require_allowed(resolve(name, base=folder), one.buckets)
    except Refused as refused:
        refusal = (refused.failure, refused.detail)
        return _refused(one, without_secrets(name), place, said, refusal)
    is_shard = shard_format_of(uri) is not None
    listed = None if is_shard else listed_by(told, uri, f"{one.kind} {whence}")
    return ref_of(
        one, uri, key=name, place=place, pattern=uri, said=said, listed=listed
    )


def _nameless(one: Input, uri: str, place: tuple[int, ...], said: Carried) -> ImageRef:
    """Return the ref of a row without a URI: a row of its own, which fails."""
    refusal = (Failure.UNSAFE_NAME, f"the row has no URI in {one.uri_column!r}")
    return _refused(one, uri, place, said, refusal)


def _refused(
    one: Input,
    uri: str,
    place: tuple[int, ...],
    said: Carried,
    refusal: tuple[Failure, str],
) -> ImageRef:
    return ImageRef(
        uri=uri,
        key=uri,
        order=(one.number, *place),
        carried=said.values,
        layout=said.layout.digest,
        refusal=refusal,
    )


def ref_of(
    one: Input,
    uri: str,
    *,
    key: str,
    place: tuple[int, ...],
    pattern: str,
    said: Carried = NOTHING,
    listed: StoredObject | None = None,
) -> ImageRef | Shard:
    """Return the ref of a file, or the shard that `pattern` says it is."""
    shard_format = None if one.kind is InputKind.FOLDER else shard_format_of(pattern)
    if shard_format:
        return Shard(
            uri=uri,
            key=key,
            format=shard_format,
            order=(one.number, *place),
            source=one,
            said=said,
            listed=listed,
        )
    return ImageRef(
        uri=uri,
        key=key,
        order=(one.number, *place),
        carried=said.values,
        layout=said.layout.digest,
        listed=listed,
    )
