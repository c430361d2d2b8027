"""img2dataset's own ledger, `00000.parquet` beside `00000.tar`, as a manifest.

Only what it says was downloaded is an image. The rest are dead links, of which a large
share is usual: as failed rows they would exceed any useful --max_failure_rate, and the
ledger of img2dataset already says why each is missing.
"""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from pipelines.scoring.carried.arrow_types import is_textual
from pipelines.scoring.carried.layout import Carried
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.reading.refusals import open_shard
from pipelines.scoring.shards.shard import Shard
from pipelines.scoring.shards.tar_members import NamedMember, named_members
from pipelines.scoring.shards.tar_shard import member_ref
from pipelines.storage import StoredObject, storage_for
from schemas.failures import Failure, ImageFailure
from schemas.left_out import LeftOut, LeftOutTally

SUCCESS = "success"
_FAILED = "failed downloads of img2dataset"


def is_img2dataset(schema: pa.Schema) -> bool:
    """Whether a Parquet file without images is a ledger of img2dataset."""
    return all(
        name in schema.names and is_textual(schema.field(name).type)
        for name in ("key", "status")
    )


def failed_download(key: str | None) -> LeftOut:
    """Return that a row is left out, as nothing was downloaded."""
    return LeftOut(reason=_FAILED, example=key)


def list_downloaded(
    shard: Shard,
    rows: Iterable[tuple[str | None, str | None, Carried]],
    left_out: LeftOutTally,
) -> Iterator[ImageRef]:
    """Yield the refs of the images that a ledger says are in the archive beside it.

    One that is not there gives a ref that is refused as `not_found`.

    Args:
      shard: The ledger.
      rows: Key and status of its rows, and what they say of the images.
      left_out: Where failed downloads are counted.

    Raises:
      ImageFailure: If there is no archive beside it; or, at the end, if the archive is
        damaged or cut short.
    """
    archive = _archive_beside(shard.uri)
    images, damage = _images_by_key(archive)
    place = 0
    for key, status, carried in rows:
        if status != SUCCESS:
            left_out.add(failed_download(key))
            continue
        key = key or ""
        for named in images.get(key, ()):
            yield member_ref(
                shard, archive, named, key=key, place=place, carried=carried
            )
            place += 1
        if key not in images:
            yield shard.ref(
                place=place,
                name=f"{archive.uri}#{key}",
                key=key,
                carried=carried,
                refusal=(
                    Failure.NOT_FOUND,
                    "img2dataset says it was downloaded, but the archive has no such "
                    "image",
                ),
            )
            place += 1
    if damage:
        raise damage


def _archive_beside(uri: str) -> StoredObject:
    beside = f"{uri[: -len('.parquet')]}.tar"
    found = storage_for(beside).stat(beside)
    if found is None:
        name = beside[beside.rfind("/") + 1 :]
        raise ImageFailure(
            Failure.NOT_FOUND,
            f"no column holds images, and it is a ledger of img2dataset without "
            f"{name} beside it",
        )
    return found


def _images_by_key(
    archive: StoredObject,
) -> tuple[dict[str, list[NamedMember]], ImageFailure | None]:
    """Return an archive's images, as far as it can be read, and what stopped that."""
    images: dict[str, list[NamedMember]] = {}
    try:
        with open_shard(archive) as file:
            for named in named_members(file, archive.size_bytes):
                if named.is_image:
                    images.setdefault(named.sample, []).append(named)
    except ImageFailure as failure:
        if failure.failure.is_transient:
            raise
        return images, failure
    return images, None
