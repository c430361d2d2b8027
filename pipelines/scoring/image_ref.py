"""One input of the scoring job: all that crosses a shuffle before scoring."""

import dataclasses
from typing import Any

from pipelines.scoring.shards.part import Part
from pipelines.storage import StoredObject
from schemas.failures import Failure
from schemas.ledger import LedgerRow


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ImageRef:
    """Where an image lies and what the listing said of it.

    Attributes:
      uri: Identity of the image; opened literally if the image is a whole file.
      key: The image's name as the input gave it.
      order: Input number and place within it; of repeats, the first is kept.
      carried: Values of the carried columns that its layout has.
      layout: Digest of what those are; empty if nothing is carried.
      listed: What a listing said of the file that holds the image; reading is pinned
        to that.
      part: Which part of that file the image is; None means all of it.
      refusal: Why the image must not be opened, with a detail; None if it may be.
      failed_before: Whether the ledger as last published has it as failed.
    """

    uri: str
    key: str
    order: tuple[int, ...]
    carried: tuple[Any, ...] = ()
    layout: str = ""
    listed: StoredObject | None = None
    part: Part | None = None
    refusal: tuple[Failure, str] | None = None
    failed_before: bool = False

    @property
    def size_bytes(self) -> int | None:
        """Size of the image; None if that is not known before it is read."""
        if self.part:
            return self.part.size_bytes
        return self.listed.size_bytes if self.listed else None

    def row(self) -> LedgerRow:
        """Return the ledger row of this input with all that is known so far."""
        row = LedgerRow(
            uri=self.uri,
            key=self.key,
            carried=self.carried,
            layout=self.layout,
            failed_before=self.failed_before,
        )
        if self.listed:
            row = with_object(row, self.listed)
        return dataclasses.replace(row, size_bytes=self.size_bytes)


def with_object(row: LedgerRow, found: StoredObject) -> LedgerRow:
    """Return a row that says which object it is about."""
    return dataclasses.replace(
        row,
        size_bytes=found.size_bytes,
        generation=found.generation,
        modified_at=found.modified_at,
    )
