"""Verify content: a row holds if its image has the digest that it had when scored.

For local files whose size and time cannot be trusted to tell. Each is read once, by
ranges where it is part of a larger file, and not decoded.
"""

import operator
from collections.abc import Iterable, Iterator
from typing import Literal

import apache_beam as beam
from apache_beam.pvalue import PCollection, TaggedOutput

from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.monitoring.metrics import count_plan
from pipelines.scoring.monitoring.progress import ProgressCounter
from pipelines.scoring.planning.plan import ContentCheck, KeptRow
from pipelines.scoring.reading.fetch import FetchedImage, fetch_image, fetch_together
from pipelines.scoring.reading.gather import piece_of

CHANGED = "changed"


class VerifyContent(beam.PTransform):
    """Divides `ContentCheck`s: rows that hold, and images to be scored as `CHANGED`."""

    def __init__(self, *, max_file_bytes: int, progress_folder: str | None):
        super().__init__()
        self._check = CheckContent(
            max_file_bytes=max_file_bytes, progress_folder=progress_folder
        )

    def expand(self, input_or_inputs: PCollection):
        """Spread images over workers, those that are read together as one."""
        return (
            input_or_inputs
            | "Key" >> beam.Map(_keyed)
            | "Group" >> beam.GroupByKey()
            | "Compare"
            >> beam.ParDo(self._check).with_outputs(CHANGED, main="unchanged")
        )


def check_content(
    checks: Iterable[ContentCheck], *, max_file_bytes: int
) -> Iterator[KeptRow | ImageRef]:
    """Yield the row of each image that has its digest, and the others themselves.

    Args:
      checks: One image, or several of one piece of one file, by their places.
      max_file_bytes: Larger images are scored again, which will refuse them.

    Raises:
      StorageError: If the store is down.
    """
    checks = list(checks)
    if len(checks) == 1:
        fetched = iter([fetch_image(checks[0].ref, max_file_bytes=max_file_bytes)])
    else:
        refs = [check.ref for check in checks]
        fetched = fetch_together(refs, max_file_bytes=max_file_bytes)
    for check, found in zip(checks, fetched, strict=True):
        is_same = isinstance(found, FetchedImage) and found.row.sha256 == check.sha256
        yield check.row if is_same else check.ref


class CheckContent(beam.DoFn):
    """`check_content` for every group of images."""

    def __init__(self, *, max_file_bytes: int, progress_folder: str | None):
        self._max_file_bytes = max_file_bytes
        self._progress_folder = progress_folder

    def setup(self):
        """Open this worker's progress file."""
        self._progress = ProgressCounter(self._progress_folder)

    def process(
        self, element: tuple[object, Iterable[tuple[int, ContentCheck]]]
    ) -> Iterator[KeptRow | TaggedOutput[Literal["changed"], ImageRef]]:
        """Emit rows that hold and, tagged, images to be scored."""
        _, placed = element
        checks = [c for _, c in sorted(placed, key=operator.itemgetter(0))]
        for found in check_content(checks, max_file_bytes=self._max_file_bytes):
            if isinstance(found, KeptRow):
                count_plan(kept=1)
                yield found
            else:
                count_plan(planned=1)
                self._progress.plan(1)
                yield TaggedOutput(CHANGED, found)


def _keyed(
    check: ContentCheck,
) -> tuple[tuple[str, ...], tuple[int, ContentCheck]]:
    piece = piece_of(check.ref, is_fast=True)
    if piece is None:
        return (check.ref.uri,), (0, check)
    key, place = piece
    return key, (place, check)
