"""Fetch: the bytes of kept photos, exactly those that were scored, or why not.

Each is read in the generation that the ledger names, wherever it lies, and its digest
must be the ledger's.
"""

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence

from pipelines.copying.kept_list import KeptPhoto
from pipelines.copying.planning.packed_names import packed_name
from pipelines.read_ahead import worked_ahead
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.input import Input, InputKind
from pipelines.scoring.reading.fetch import FetchedImage, fetch_image, fetch_together
from pipelines.scoring.reading.gather import piece_of
from pipelines.scoring.reading.refusals import refusals_as_failures
from pipelines.scoring.shards.formats import shard_format_of
from pipelines.scoring.shards.list_shard import list_shard
from pipelines.scoring.shards.shard import Shard
from pipelines.storage import StoredObject, storage_for
from pipelines.storage.file_generation import is_same_generation
from schemas.failures import Failure, ImageFailure
from schemas.ledger import LedgerRow

_AHEAD = 8
Fetched = tuple[KeptPhoto, bytes | ImageFailure]


def fetch_kept(photos: Sequence[KeptPhoto]) -> Iterator[Fetched]:
    """Yield photos with their bytes, or why there are none, in the same order always.

    Photos of files of their own come first, some of them read ahead; then those of
    files of many, each of which is listed once and read from its front.

    Raises:
      StorageError: If a store is down.
    """
    alone = [photo for photo in photos if not photo.source]
    yield from _fetch_alone(alone)
    packed = [photo for photo in photos if photo.source]
    for _, of_shard in itertools.groupby(packed, key=_shard_of):
        yield from _fetch_packed(list(of_shard))


def fetch_file(photo: KeptPhoto) -> bytes | ImageFailure:
    """Return the bytes of a photo that is a file of its own, or why there are none.

    Raises:
      StorageError: If the store is down.
    """
    if why := photo.refuse_unpinned():
        return ImageFailure(Failure.READ_ERROR, why)
    listed = StoredObject(
        uri=photo.uri,
        size_bytes=photo.size_bytes or 0,
        generation=photo.generation or "",
        modified_at=None,
    )
    try:
        with refusals_as_failures():
            data, _ = storage_for(photo.uri).read(
                photo.uri, listed=listed, max_bytes=listed.size_bytes
            )
    except ImageFailure as failure:
        return failure
    return _checked(photo, data, hashlib.sha256(data).hexdigest())


def _fetch_alone(photos: Iterable[KeptPhoto]) -> Iterator[Fetched]:
    def fetch(photo: KeptPhoto) -> Fetched:
        return photo, fetch_file(photo)

    return worked_ahead(fetch, photos, depth=_AHEAD)


def _shard_of(photo: KeptPhoto) -> tuple[str, str | None]:
    found = packed_name(photo.uri)
    return photo.source, found.image_column if found else None


def _fetch_packed(photos: Sequence[KeptPhoto]) -> Iterator[Fetched]:
    """Yield photos of one file of many in its order, then those that it has not."""
    wanted = {photo.uri: photo for photo in photos}
    refs: list[ImageRef] = []
    whole: ImageRef | None = None
    for ref in _listed(*_shard_of(photos[0])):
        if ref.uri in wanted:
            refs.append(ref)
        elif ref.uri == photos[0].source:
            whole = (
                ref  # which stands for a file that cannot be read, or not to its end
            )
    for _, together in itertools.groupby(refs, key=_piece):
        for ref, fetched in _fetch_pinned(list(together), wanted):
            yield wanted.pop(ref.uri), fetched
    if whole and whole.refusal and whole.refusal[0] is not Failure.NOT_FOUND:
        failure = ImageFailure(*whole.refusal)
        yield from ((photo, failure) for photo in wanted.values())
    else:  # files of their own that are called so, unless they are gone
        yield from _fetch_alone(wanted.values())


def _listed(source: str, image_column: str | None) -> Iterator[ImageRef]:
    shard_format = shard_format_of(source)
    assert shard_format is not None
    one = Input(number=0, uri=source, kind=InputKind.SHARD, image_column=image_column)
    shard = Shard(uri=source, key=source, format=shard_format, order=(0,), source=one)
    return (found for found in list_shard(shard) if isinstance(found, ImageRef))


def _piece(ref: ImageRef) -> object:
    """Return what is read as a whole, or the photo itself."""
    piece = piece_of(ref, is_fast=True)
    return ref.uri if piece is None else piece[0]


def _fetch_pinned(
    refs: Sequence[ImageRef], wanted: dict[str, KeptPhoto]
) -> Iterator[tuple[ImageRef, bytes | ImageFailure]]:
    """Yield the photos of one piece, read only if it is of the generation scored."""
    pinned: list[ImageRef] = []
    for ref in refs:
        failure = _why_not(ref, wanted[ref.uri])
        if failure:
            yield ref, failure
        else:
            pinned.append(ref)
    if not pinned:
        return
    limit = max((wanted[ref.uri].size_bytes or 0) for ref in pinned)
    images: Iterable[FetchedImage | LedgerRow] = (
        [fetch_image(pinned[0], max_file_bytes=limit)]
        if len(pinned) == 1
        else fetch_together(pinned, max_file_bytes=limit)
    )
    for ref, image in zip(pinned, images, strict=True):
        if isinstance(image, FetchedImage):
            photo = wanted[ref.uri]
            yield ref, _checked(photo, image.data, image.row.sha256)
        else:
            assert image.failure is not None
            yield ref, ImageFailure(image.failure, image.failure_detail or "")


def _why_not(ref: ImageRef, photo: KeptPhoto) -> ImageFailure | None:
    if ref.refusal:
        return ImageFailure(*ref.refusal)
    if why := photo.refuse_unpinned():
        return ImageFailure(Failure.READ_ERROR, why)
    found = ref.listed.generation if ref.listed else ""
    if ref.listed and not is_same_generation(photo.generation, found):
        return ImageFailure(Failure.CHANGED, "its file changed after it was scored")
    return None


def _checked(photo: KeptPhoto, data: bytes, sha256: str | None) -> bytes | ImageFailure:
    if sha256 == photo.sha256:
        return data
    return ImageFailure(Failure.CHANGED, "its bytes are not those that were scored")
