"""Spans: what of a large input one worker lists, while others list the rest."""

import dataclasses
from collections.abc import Iterator, Sequence

from pipelines.records.parquet import open_parquet
from pipelines.scoring.input import Input, InputKind
from pipelines.scoring.inputs.inventories.report import Report
from pipelines.storage import NameRange, SkippedLink, StoredObject, storage_for

# What one worker lists in some seconds is not worth the requests that divide it.
_FIRST_OBJECTS = 50_000
_LARGE_MANIFEST_BYTES = 64 << 20
_FILES_OF_ONE = 8
_RANGES = 128
RANGES_AT_ONCE = 8
_ROWS = 200_000


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Row groups of a Parquet file.

    Attributes:
      first_group: The first of them.
      end_group: The first that is none of them.
      first_row: Rows of the file before them.
    """

    first_group: int
    end_group: int
    first_row: int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A part of an input.

    Attributes:
      source: The input.
      place: Its place in the input, behind what was listed before it was divided.
      names: Ranges of names, listed at once.
      report: An inventory report, with one file of its files.
      file: A manifest; None of others.
      rows: Which rows of that; None means all.
    """

    source: Input
    place: tuple[int, ...]
    names: tuple[NameRange, ...] = ()
    report: Report | None = None
    file: str | None = None
    rows: Rows | None = None


def first_objects(
    one: Input, folder: str, walked: Iterator[StoredObject | SkippedLink]
) -> Iterator[StoredObject | SkippedLink | Span]:
    """Yield the first objects of a bucket and then, of very many, spans of the others.

    What a store does not list in order cannot be divided, and is listed to its end.

    Args:
      one: The input.
      folder: What is listed.
      walked: The listing.
    """
    last, is_ordered = "", True
    for place, found in enumerate(walked):
        is_ordered = is_ordered and found.uri > last
        if place and place % _FIRST_OBJECTS == 0 and is_ordered:
            spans = _spans_of_names(one, folder, last, place)
            if spans:
                yield from spans
                return
        yield found
        last = found.uri


def _spans_of_names(one: Input, folder: str, after: str, place: int) -> list[Span]:
    """Return spans of the names below a folder after one; none if there can be none."""
    ranges = storage_for(folder).divide(folder, after=after, wanted=_RANGES)
    # Neighbours are of like size, so each span has ranges from all over.
    count = -(-len(ranges) // RANGES_AT_ONCE)
    together = [tuple(ranges[number::count]) for number in range(count)]
    return [
        Span(source=one, place=(place, number), names=names)
        for number, names in enumerate(together)
    ]


def spans_of_files(one: Input, files: Sequence[str]) -> list[Span]:
    """Return spans of the manifests of an input; none if they are few and small."""
    if len(files) > _FILES_OF_ONE:
        return [
            Span(source=one, place=(number,), file=file)
            for number, file in enumerate(files)
        ]
    is_large = (one.size_bytes or 0) >= _LARGE_MANIFEST_BYTES
    if one.kind is not InputKind.PARQUET or len(files) != 1 or not is_large:
        return []
    return [
        Span(source=one, place=(number,), file=files[0], rows=rows)
        for number, rows in enumerate(_row_groups(files[0]))
    ]


def spans_of_report(one: Input, report: Report) -> list[Span]:
    """Return one span for each file of a report; none if there is but one."""
    if len(report.files) < 2:
        return []
    return [
        Span(
            source=one,
            place=(number,),
            report=dataclasses.replace(report, files=(file,)),
        )
        for number, file in enumerate(report.files)
    ]


def _row_groups(file: str) -> Iterator[Rows]:
    """Yield row groups of a Parquet file, small ones together."""
    with storage_for(file).open_read(file) as opened:
        metadata = open_parquet(opened).metadata
        counts = [
            metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)
        ]
    start = first_row = rows = 0
    for group, count in enumerate(counts):
        rows += count
        if rows >= _ROWS or group == len(counts) - 1:
            yield Rows(first_group=start, end_group=group + 1, first_row=first_row)
            start, first_row, rows = group + 1, first_row + rows, 0
