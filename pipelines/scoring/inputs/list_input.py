"""List: what an input names becomes image refs and shards, streamed in order."""

from collections.abc import Iterator

from pipelines.scoring.allowed_buckets import require_allowed
from pipelines.scoring.carried.layout import NOTHING, Carried, FoundLayout
from pipelines.scoring.carried.layouts import Layouts
from pipelines.scoring.choosing.choice import Chooser, PatternsMet, up_to_limit
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.input import MANIFESTS, Input, InputKind
from pipelines.scoring.inputs.inventories.objects import report_objects
from pipelines.scoring.inputs.inventories.report import read_report
from pipelines.scoring.inputs.listed_rows import Told, listed_by
from pipelines.scoring.inputs.manifest_files import (
    manifest_files,
    parts_below,
    said_by_folders,
)
from pipelines.scoring.inputs.manifests import named_images
from pipelines.scoring.inputs.numbered_files import numbered_names
from pipelines.scoring.shards.formats import shard_format_of
from pipelines.scoring.shards.shard import Shard
from pipelines.storage import (
    Glob,
    Refused,
    SkippedLink,
    StoredObject,
    resolve,
    storage_for,
)
from pipelines.storage.uris import path_of_uri, scheme_of, without_secrets
from schemas.failures import Failure
from schemas.left_out import LeftOut

_PART = ".parquet"  # as which each part is read, whatever its name


def list_input(
    one: Input,
) -> Iterator[ImageRef | Shard | FoundLayout | LeftOut | PatternsMet]:
    """Yield what one input names, repeats included, in a fixed order.

    What is left out on purpose is counted among it.

    A shard stands for the images in it, which `list_shard` lists. What a glob, a list
    or a manifest names is a shard if its name, or the glob's, ends as those of shards
    do. In a folder, every file is an image that is none of the side files. Last come
    the layouts of what refs carry, of those that were not chosen, too.

    Raises:
      InputError: If a list or manifest turns out to be damaged.
      StorageError: If the store fails.
    """
    chooser = Chooser(one.choice, side_files_in=_side_files_in(one))
    layouts = Layouts()
    named = _list_all(one, layouts)
    if not chooser.leaves_none_out:
        named = _chosen(named, one, chooser)
    yield from up_to_limit(named, one.choice.limit)
    yield from layouts
    if one.choice.patterns:
        yield chooser.met


def _side_files_in(one: Input) -> str | None:
    """Return the folder or glob whose side files are left out, None for all others."""
    if one.kind is InputKind.INVENTORY:
        return ""
    return one.uri if one.kind in (InputKind.FOLDER, InputKind.GLOB) else None


def _chosen(
    listed: Iterator[ImageRef | Shard | LeftOut], one: Input, chooser: Chooser
) -> Iterator[ImageRef | Shard | LeftOut]:
    for named in listed:
        if isinstance(named, LeftOut):
            yield named
            continue
        name = _name_to_match(named.key, one)
        is_shard = isinstance(named, Shard)
        reason = chooser.why_not_shard(name) if is_shard else chooser.why_not(name)
        yield LeftOut(reason=reason, example=named.key) if reason else named


def _name_to_match(key: str, one: Input) -> str:
    """Return a key as patterns see it; one that is not UTF-8 is a whole file:// URI."""
    if one.kind not in (InputKind.FOLDER, InputKind.GLOB) or scheme_of(key) != "file":
        return key
    path = path_of_uri(key).decode("utf-8", "surrogateescape")
    return path.removeprefix(folder_of(one))


def folder_of(one: Input) -> str:
    """Return the folder that the keys of an input's files leave out."""
    if one.kind in (InputKind.FOLDER, InputKind.GLOB):
        return Glob(one.uri).prefix if one.kind is InputKind.GLOB else one.uri
    return one.uri[: one.uri.rfind("/") + 1]


def _list_all(one: Input, layouts: Layouts) -> Iterator[ImageRef | Shard | LeftOut]:
    if one.kind in MANIFESTS:
        return _list_named(one, layouts)
    if one.kind is InputKind.NUMBERED:
        return _list_numbered(one)
    if one.kind is InputKind.PARTS:
        return _list_parts(one)
    if one.kind is InputKind.INVENTORY:
        return _list_inventory(one)
    return _list_objects(one)


def _list_objects(one: Input) -> Iterator[ImageRef | Shard | LeftOut]:
    if one.kind in (InputKind.IMAGE, InputKind.SHARD):
        found = storage_for(one.uri).stat(one.uri)
        objects = [found] if found else []
    else:
        objects = _walk(one)
    prefix = folder_of(one)
    for place, found in enumerate(objects):
        key = found.uri.removeprefix(prefix)
        if isinstance(found, SkippedLink):
            yield LeftOut(reason=found.reason, example=key)
        else:
            yield _ref(
                one, found.uri, key=key, place=place, pattern=one.uri, listed=found
            )


def _walk(one: Input) -> Iterator[StoredObject | SkippedLink]:
    """Yield what a folder holds, or a glob matches, and links that may lead there."""
    folder, follow_links = folder_of(one), one.choice.follow_links
    found = storage_for(folder).walk(folder, follow_links=follow_links)
    if one.kind is InputKind.FOLDER:
        yield from found
        return
    glob = Glob(one.uri)
    for one_found in found:
        is_folder = isinstance(one_found, SkippedLink) and one_found.is_folder
        if (glob.reaches_below if is_folder else glob.matches)(one_found.uri):
            yield one_found


def _list_inventory(one: Input) -> Iterator[ImageRef | Shard | LeftOut]:
    report = read_report(one.uri)
    place = 0
    for file in report.files:
        for listed in report_objects(report, file, one):
            if isinstance(listed, LeftOut):
                yield listed
                continue
            key, found = listed
            yield _ref(one, found.uri, key=key, place=place, pattern="", listed=found)
            place += 1


def _list_numbered(one: Input) -> Iterator[ImageRef | Shard]:
    folder = one.uri[: one.uri.rfind("/", 0, one.uri.find("{")) + 1]
    for place, uri in enumerate(numbered_names(one.uri)):
        key = uri.removeprefix(folder)
        yield _ref(one, uri, key=key, place=place, pattern=one.uri)


def _list_parts(one: Input) -> Iterator[ImageRef | Shard]:
    for place, uri in enumerate(parts_below(one.uri)):
        key = uri.removeprefix(one.uri)
        said = said_by_folders(uri, one.uri)
        yield _ref(one, uri, key=key, place=place, pattern=_PART, said=said)


def _list_named(one: Input, layouts: Layouts) -> Iterator[ImageRef | Shard]:
    place = 0
    for file in manifest_files(one):
        folder = file[: file.rfind("/") + 1]
        above = said_by_folders(file, one.uri)
        rows = named_images(file, one.kind, one.uri_column, is_listing=one.is_listing)
        for row, (name, own, told) in enumerate(rows):
            said = layouts.add(above, own, (one.number, place))
            whence = f"{file}#row={row}"
            if not name:
                yield _nameless(one, whence, place, said)
            else:
                yield _named(one, name, folder, place, said, told, whence)
            place += 1


def _named(
    one: Input,
    name: str,
    folder: str,
    place: int,
    said: Carried,
    told: Told | None,
    whence: str,
) -> ImageRef | Shard:
    try:
        uri = require_allowed(resolve(name, base=folder), one.buckets)
    except Refused as refused:
        uri = without_secrets(name)
        return ImageRef(
            uri=uri,
            key=uri,
            order=(one.number, place),
            carried=said.values,
            layout=said.layout.digest,
            refusal=(refused.failure, refused.detail),
        )
    is_shard = shard_format_of(uri) is not None
    listed = None if is_shard else listed_by(told, uri, f"{one.kind} {whence}")
    return _ref(one, uri, key=name, place=place, pattern=uri, said=said, listed=listed)


def _nameless(one: Input, uri: str, place: int, said: Carried) -> ImageRef:
    """Return the ref of a row without a URI: a row of its own, which fails."""
    return ImageRef(
        uri=uri,
        key=uri,
        order=(one.number, place),
        carried=said.values,
        layout=said.layout.digest,
        refusal=(Failure.UNSAFE_NAME, f"the row has no URI in {one.uri_column!r}"),
    )


def _ref(
    one: Input,
    uri: str,
    *,
    key: str,
    place: int,
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
            order=(one.number, place),
            source=one,
            said=said,
            listed=listed,
        )
    return ImageRef(
        uri=uri,
        key=key,
        order=(one.number, place),
        carried=said.values,
        layout=said.layout.digest,
        listed=listed,
    )
