"""List: what an input names becomes image refs and shards, streamed in order."""

import itertools
from collections.abc import Iterator

from pipelines.scoring.carried.layout import FoundLayout
from pipelines.scoring.carried.layouts import Layouts
from pipelines.scoring.choosing.choice import Chooser, PatternsMet, up_to_limit
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.input import MANIFESTS, Input, InputKind
from pipelines.scoring.inputs.inventories.objects import report_objects
from pipelines.scoring.inputs.inventories.report import Report, read_report
from pipelines.scoring.inputs.manifest_files import (
    manifest_files,
    parts_below,
    said_by_folders,
)
from pipelines.scoring.inputs.named_refs import list_file, ref_of
from pipelines.scoring.inputs.numbered_files import numbered_names
from pipelines.scoring.inputs.spans import (
    Span,
    first_objects,
    spans_of_files,
    spans_of_report,
)
from pipelines.scoring.shards.shard import Shard
from pipelines.side_by_side import side_by_side
from pipelines.storage import (
    Glob,
    SkippedLink,
    StoredObject,
    storage_for,
)
from pipelines.storage.uris import is_local, path_of_uri, scheme_of
from schemas.left_out import LeftOut

Walked = StoredObject | SkippedLink
Named = ImageRef | Shard | LeftOut | Span
_PART = ".parquet"  # as which each part is read, whatever its name


Found = ImageRef | Shard | FoundLayout | LeftOut | PatternsMet


def list_input(one: Input, *, divides: bool = False) -> Iterator[Found | Span]:
    """Yield what one input names, repeats included, in a fixed order.

    What is left out on purpose is counted among it.

    A shard stands for the images in it, which `list_shard` lists. What a glob, a list
    or a manifest names is a shard if its name, or the glob's, ends as those of shards
    do. In a folder, every file is an image that is none of the side files. Last come
    the layouts of what refs carry, of those that were not chosen, too.

    Args:
      one: The input.
      divides: Whether a large input is listed in part only, and `Span`s stand for the
        rest, which `list_span` lists.

    Raises:
      InputError: If a list or manifest turns out to be damaged.
      StorageError: If the store fails.
    """
    layouts = Layouts()
    divides = divides and one.choice.limit is None  # which ends the listing early
    return _listed(one, _list_all(one, layouts, divides=divides), layouts)


def list_span(span: Span) -> Iterator[Found | Span]:
    """Yield what one span of an input names, as `list_input` does."""
    layouts = Layouts()
    return _listed(span.source, _list_span(span, layouts), layouts)


def _listed(
    one: Input, named: Iterator[Named], layouts: Layouts
) -> Iterator[Found | Span]:
    chooser = Chooser(one.choice, side_files_in=_side_files_in(one))
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


def _chosen(listed: Iterator[Named], one: Input, chooser: Chooser) -> Iterator[Named]:
    for named in listed:
        if isinstance(named, LeftOut | Span):
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


def _list_all(one: Input, layouts: Layouts, *, divides: bool) -> Iterator[Named]:
    spans: list[Span] = []
    if one.kind in MANIFESTS:
        if divides:
            spans = spans_of_files(one, list(manifest_files(one)))
        return iter(spans) if spans else _list_named(one, layouts)
    if one.kind is InputKind.NUMBERED:
        return _list_numbered(one)
    if one.kind is InputKind.PARTS:
        return _list_parts(one)
    if one.kind is InputKind.INVENTORY:
        report = read_report(one.uri)
        if divides:
            spans = spans_of_report(one, report)
        return iter(spans) if spans else _list_report(one, report, ())
    return _list_objects(one, divides=divides)


def _list_span(span: Span, layouts: Layouts) -> Iterator[Named]:
    one = span.source
    if span.report:
        return _list_report(one, span.report, span.place)
    if span.file:
        return list_file(one, span.file, layouts, span.place, span.rows)
    folder = folder_of(one)
    ranges = [
        _placed(
            one,
            _matching(one, storage_for(folder).list_range(folder, names)),
            (*span.place, number),
        )
        for number, names in enumerate(span.names)
    ]
    return side_by_side(ranges)


def _list_objects(one: Input, *, divides: bool) -> Iterator[Named]:
    if one.kind in (InputKind.IMAGE, InputKind.SHARD):
        found = storage_for(one.uri).stat(one.uri)
        return _placed(one, iter([found] if found else []), ())
    folder = folder_of(one)
    walked = storage_for(folder).walk(folder, follow_links=one.choice.follow_links)
    if divides and not is_local(folder):
        walked = first_objects(one, folder, walked)
    return _placed(one, _matching(one, walked), ())


def _matching(
    one: Input, walked: Iterator[Walked | Span] | Iterator[Walked]
) -> Iterator[Walked | Span]:
    """Yield what a folder holds, or a glob matches, and links that may lead there."""
    if one.kind is InputKind.FOLDER:
        yield from walked
        return
    glob = Glob(one.uri)
    for found in walked:
        if isinstance(found, Span):
            yield found
            continue
        is_folder = isinstance(found, SkippedLink) and found.is_folder
        if (glob.reaches_below if is_folder else glob.matches)(found.uri):
            yield found


def _placed(
    one: Input, objects: Iterator[Walked | Span], place: tuple[int, ...]
) -> Iterator[Named]:
    """Yield the refs of objects, whose places in the input begin with one."""
    prefix = folder_of(one)
    for number, found in enumerate(objects):
        if isinstance(found, Span):
            yield found
            continue
        key = found.uri.removeprefix(prefix)
        if isinstance(found, SkippedLink):
            yield LeftOut(reason=found.reason, example=key)
        else:
            yield ref_of(
                one,
                found.uri,
                key=key,
                place=(*place, number),
                pattern=one.uri,
                listed=found,
            )


def _list_report(one: Input, report: Report, place: tuple[int, ...]) -> Iterator[Named]:
    number = itertools.count()
    for file in report.files:
        for listed in report_objects(report, file, one):
            if isinstance(listed, LeftOut):
                yield listed
                continue
            key, found = listed
            where = (*place, next(number))
            yield ref_of(one, found.uri, key=key, place=where, pattern="", listed=found)


def _list_numbered(one: Input) -> Iterator[ImageRef | Shard]:
    folder = one.uri[: one.uri.rfind("/", 0, one.uri.find("{")) + 1]
    for place, uri in enumerate(numbered_names(one.uri)):
        key = uri.removeprefix(folder)
        yield ref_of(one, uri, key=key, place=(place,), pattern=one.uri)


def _list_parts(one: Input) -> Iterator[ImageRef | Shard]:
    for place, uri in enumerate(parts_below(one.uri)):
        key = uri.removeprefix(one.uri)
        said = said_by_folders(uri, one.uri)
        yield ref_of(one, uri, key=key, place=(place,), pattern=_PART, said=said)


def _list_named(one: Input, layouts: Layouts) -> Iterator[Named]:
    number = 0
    for file in manifest_files(one):
        for named in list_file(one, file, layouts, (), None, start=number):
            yield named
            number += 1
