"""Copy the photos of a unit into one shard, or compare them with one that is there."""

import contextlib
import tarfile
from collections.abc import Iterator

import pyarrow as pa

from pipelines.copying.config import Layout
from pipelines.copying.fetch_kept import fetch_kept
from pipelines.copying.kept_list import KeptUnit
from pipelines.copying.report import CopyRow, CopyStatus, failed_row, taken_by_another
from pipelines.copying.shard_files import (
    ParquetWriter,
    ShardWriter,
    TarWriter,
    sample_name,
)
from pipelines.storage import join, storage_for
from pipelines.storage.new_files import AlreadyThereError, new_file
from schemas.failures import Failure, ImageFailure

_WRITERS: dict[Layout, type[ShardWriter]] = {
    Layout.WEBDATASET: TarWriter,
    Layout.PARQUET: ParquetWriter,
}


class _NoPhotosError(Exception):
    """A shard of which no photo could be copied is not written."""


def copy_shard(unit: KeptUnit, target: str, layout: Layout) -> list[CopyRow]:
    """Copy photos into their shard and return what became of each.

    A shard that is there is never written over. It holds the photos that could be
    copied when it was written; the others stay failed.

    Args:
      unit: The photos.
      target: The folder of the copies.
      layout: What kind of shard it is.

    Raises:
      StorageError: If a store is down.
    """
    writer_type = _WRITERS[layout]
    uri = join(target, unit.target)
    if storage_for(uri).stat(uri) is not None:
        return _compared(unit, uri, writer_type)
    rows: list[CopyRow] = []
    try:
        with new_file(uri) as file:
            with contextlib.closing(writer_type(file, unit)) as writer:
                rows += _written(unit, writer)
            if all(row.status is CopyStatus.FAILED for row in rows):
                raise _NoPhotosError
    except _NoPhotosError:
        return rows
    except AlreadyThereError:  # another attempt at this unit was faster
        return _compared(unit, uri, writer_type)
    return rows


def _written(unit: KeptUnit, writer: ShardWriter) -> Iterator[CopyRow]:
    for photo, data in fetch_kept(unit.photos):
        place = f"{photo.target}#{sample_name(photo)}"
        if isinstance(data, ImageFailure):
            yield failed_row(photo.uri, place, data)
        else:
            writer.add(photo, data)
            yield CopyRow(uri=photo.uri, target=place, status=CopyStatus.COPIED)


def _compared(unit: KeptUnit, uri: str, writer: type[ShardWriter]) -> list[CopyRow]:
    with storage_for(uri).open_read(uri) as file:
        try:
            found = dict(writer.digests(file))
        except (OSError, EOFError, tarfile.TarError, pa.ArrowException) as error:
            detail = f"the shard in the target cannot be read ({type(error).__name__})"
            failure = ImageFailure(Failure.UNREADABLE, detail)
            return [failed_row(p.uri, p.target, failure) for p in unit.photos]
    wanted = {sample_name(photo) for photo in unit.photos}
    is_another = not found.keys() <= wanted
    rows: list[CopyRow] = []
    for photo in unit.photos:
        name = sample_name(photo)
        place = f"{photo.target}#{name}"
        if is_another or found.get(name, photo.sha256) != photo.sha256:
            rows.append(failed_row(photo.uri, place, taken_by_another()))
        elif name not in found:
            detail = "it failed when its shard was written, which stays as it is"
            failure = ImageFailure(Failure.CHANGED, detail)
            rows.append(failed_row(photo.uri, place, failure))
        else:
            status = CopyStatus.ALREADY_THERE
            rows.append(CopyRow(uri=photo.uri, target=place, status=status))
    return rows
