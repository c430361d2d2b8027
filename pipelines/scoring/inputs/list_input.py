"""List: what an input names becomes image refs and shards, streamed in order."""

from collections.abc import Iterator

from pipelines.scoring.allowed_buckets import require_allowed
from pipelines.scoring.carried.layout import NOTHING, Carried, FoundLayout
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.input import Input, InputKind
from pipelines.scoring.inputs.manifests import named_images
from pipelines.scoring.inputs.numbered_files import numbered_names
from pipelines.scoring.refusals import refusals_as_failures
from pipelines.scoring.shards.formats import shard_format_of
from pipelines.scoring.shards.shard import Shard
from pipelines.storage import Glob, StoredObject, resolve, storage_for
from pipelines.storage.uris import without_secrets
from schemas.failures import ImageFailure


def list_input(one: Input) -> Iterator[ImageRef | Shard | FoundLayout]:
    """Yield what one input names, repeats included, in a fixed order.

    A shard stands for the images in it, which `list_shard` lists. What a glob, a list
    or a manifest names is a shard if its name, or the glob's, ends as those of shards
    do. In a folder, every file is an image. The layouts of what refs carry come before
    them.

    Raises:
      InputError: If a list or manifest turns out to be damaged.
      StorageError: If the store fails.
    """
    if one.kind in (InputKind.URI_LIST, InputKind.CSV, InputKind.PARQUET):
        return _list_named(one)
    if one.kind is InputKind.NUMBERED:
        return _list_numbered(one)
    return _list_objects(one)


def _list_objects(one: Input) -> Iterator[ImageRef | Shard]:
    storage = storage_for(one.uri)
    if one.kind in (InputKind.IMAGE, InputKind.SHARD):
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
    for place, found in enumerate(objects):
        key = found.uri.removeprefix(prefix)
        yield _ref(one, found.uri, key=key, place=place, pattern=one.uri, listed=found)


def _list_numbered(one: Input) -> Iterator[ImageRef | Shard]:
    folder = one.uri[: one.uri.rfind("/", 0, one.uri.find("{")) + 1]
    for place, uri in enumerate(numbered_names(one.uri)):
        key = uri.removeprefix(folder)
        yield _ref(one, uri, key=key, place=place, pattern=one.uri)


def _list_named(one: Input) -> Iterator[ImageRef | Shard | FoundLayout]:
    folder = one.uri[: one.uri.rfind("/") + 1]
    layout = NOTHING.layout
    for place, (name, said) in enumerate(named_images(one)):
        if said.layout is not layout:
            layout = said.layout
            yield FoundLayout(layout=layout, order=(one.number, place))
        try:
            with refusals_as_failures():
                uri = require_allowed(resolve(name, base=folder), one.buckets)
        except ImageFailure as failure:
            uri = without_secrets(name)
            yield ImageRef(
                uri=uri,
                key=uri,
                order=(one.number, place),
                carried=said.values,
                layout=layout.digest,
                refusal=(failure.failure, failure.detail),
            )
        else:
            yield _ref(one, uri, key=name, place=place, pattern=uri, said=said)


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
