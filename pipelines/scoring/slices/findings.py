"""What each graph of a job in slices has found out, in a file, for those after it."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from apache_beam import coders

from pipelines.scoring.carried.columns import CarriedColumns
from pipelines.scoring.listing import ListingCounts, require_whole_listing
from pipelines.scoring.planning.check_plan import check_plan
from pipelines.scoring.planning.lost_shards import ShardTally
from pipelines.scoring.planning.plan import PlanCounts
from pipelines.scoring.run import Run
from pipelines.scoring.slices.spill import Spill, SpillError
from pipelines.scoring.writing.shard_summary import ShardSummary
from pipelines.scoring.writing.write import shard_count_for
from schemas.manifest import CountsError

_CODING = coders.FastPrimitivesCoder()
_KEPT_ROWS_LIKE_ONE_IMAGE = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Named:
    """What the inputs name.

    Attributes:
      listing: What the listing met, counted there and then.
      shards: The files of images among it.
      columns: The carried columns.
      images: A ref for every image, repeats included.
      journal: A `JournalEntry` for every row that unfinished runs have left.
    """

    listing: ListingCounts
    shards: ShardTally
    columns: CarriedColumns
    images: Spill
    journal: Spill


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decided:
    """What becomes of all that is named.

    Attributes:
      named: What is named.
      listing: What the listing met; what is not in a subset is left out.
      planned: What planning met.
      rows: Rows of the ledger to be.
      to_score: Refs of the images that must be scored.
      to_check: `ContentCheck`s of those whose content decides.
      kept: `KeptRow`s.
    """

    named: Named
    listing: ListingCounts
    planned: PlanCounts
    rows: int
    to_score: Spill
    to_check: Spill
    kept: Spill

    def count(self) -> np.ndarray:
        """Return how many rows each part will have, int64 of shape (parts,)."""
        return self.to_score.count() + self.to_check.count() + self.kept.count()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slice:
    """Some parts, which hold whole shards of the ledger to be.

    Attributes:
      number: From 1.
      parts: The parts.
      shards: The shards.
      shard_count: Shards of the ledger to be.
      rows: Rows in them.
      to_score: Images that must be scored, as far as is known beforehand.
    """

    number: int
    parts: tuple[int, ...]
    shards: tuple[int, ...]
    shard_count: int
    rows: int
    to_score: int


def keep_named(
    run: Run,
    listing: ListingCounts,
    shards: ShardTally,
    columns: CarriedColumns,
    images: Sequence[str],
    journal: Sequence[str],
    *,
    parts: int,
    to: str,
) -> None:
    """Keep what was listed, if it is whole.

    Args:
      run: The run.
      listing: What the listing met.
      shards: The files of images among it.
      columns: The carried columns.
      images: Files of the spilled refs.
      journal: Files of the spilled rows of unfinished runs.
      parts: Parts that these are divided into.
      to: File for the `Named`.

    Raises:
      CountsError: If something got lost on its way to the disk.
    """
    require_whole_listing(listing, run)
    named = Named(
        listing=listing,
        shards=shards,
        columns=columns,
        images=Spill(tuple(images), parts),
        journal=Spill(tuple(journal), parts),
    )
    _require_count(named.images.count().sum(), listing.refs, "images were kept on disk")
    keep(named, to)


def keep_decided(
    run: Run,
    listing: ListingCounts,
    planned: PlanCounts,
    to_score: Sequence[str],
    to_check: Sequence[str],
    kept: Sequence[str],
    *,
    named: Named,
    to: str,
) -> None:
    """Keep what was decided, if it is whole and may be done.

    Args:
      run: The run.
      listing: What the listing met.
      planned: What planning met.
      to_score: Files of the spilled images to be scored.
      to_check: Files of those whose content decides.
      kept: Files of the rows that are taken over.
      named: What the decisions are about.
      to: File for the `Decided`.

    Raises:
      MusiqError: As `check_plan` does, or if a decision got lost.
    """
    check_plan(run, listing, planned, named.shards)
    parts = named.images.parts
    decided = Decided(
        named=named,
        listing=listing,
        planned=planned,
        rows=planned.named + (planned.vanished if run.marks_vanished else 0),
        to_score=Spill(tuple(to_score), parts),
        to_check=Spill(tuple(to_check), parts),
        kept=Spill(tuple(kept), parts),
    )
    found = decided.count().sum()
    _require_count(found, decided.rows, "decisions were kept on disk")
    keep(decided, to)


def keep_written(one: Slice, summaries: Sequence[ShardSummary], *, to: str) -> None:
    """Keep the summaries of a slice's shards, if they have all its rows.

    Raises:
      CountsError: If rows got lost.
    """
    rows = sum(summary.file.rows for summary in summaries)
    _require_count(rows, one.rows, f"rows of slice {one.number} were written")
    keep(tuple(summaries), to)


def slices_of(
    decided: Decided, *, images_per_slice: int, rows_per_shard: int
) -> list[Slice]:
    """Divide a run into slices of nearly equal size.

    Args:
      decided: What becomes of all images.
      images_per_slice: Images to be scored that no slice has many more of, unless
        shards are larger. Of rows that are taken over, which no memory holds, it may
        have ten times as many.
      rows_per_shard: Rows of one file of the ledger, about.
    """
    parts = decided.to_score.parts
    to_score, rows = decided.to_score.count(), decided.count()
    kept = int(decided.kept.count().sum())
    size = decided.rows - kept + kept // _KEPT_ROWS_LIKE_ONE_IMAGE
    shards = shard_count_for(decided.rows, rows_per_shard)
    count = min(shard_count_for(size, images_per_slice), shards, parts)
    return [
        Slice(
            number=first + 1,
            parts=tuple(range(first, parts, count)),
            shards=tuple(range(first, shards, count)),
            shard_count=shards,
            rows=int(rows[first::count].sum()),
            to_score=int(to_score[first::count].sum()),
        )
        for first in range(count)
    ]


def keep(value: object, to: str) -> None:
    """Write a value whole or not at all.

    Raises:
      SpillError: If the disk cannot hold it.
    """
    try:
        with open(f"{to}.new", "wb") as file:
            file.write(_CODING.encode(value))
        os.replace(f"{to}.new", to)
    except OSError as error:
        raise SpillError.of(to, error) from error


def load(path: str) -> Any:
    """Return a value that was kept.

    Raises:
      CountsError: If it is not there, although the graph that keeps it has ended.
    """
    try:
        with open(path, "rb") as file:
            return _CODING.decode(file.read())
    except FileNotFoundError as error:
        raise CountsError(
            "the engine lost what it had found out, so nothing was published"
        ) from error


def _require_count(found: int, expected: int, what: str) -> None:
    if found != expected:
        raise CountsError(
            "the counts do not add up, so nothing was published: "
            f"{found} of {expected} {what}"
        )
