"""One input of the scoring job: all that crosses a shuffle before scoring."""

import dataclasses
import datetime
from typing import Any

from schemas.failures import Failure
from schemas.ledger import LedgerRow


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ImageRef:
    """Where an image lies and what the listing said of it.

    Attributes:
      uri: Identity of the image; opened literally.
      key: The image's name as the input gave it.
      order: Input number and place within it; of repeats, the first is kept.
      carried: Values of the carried columns, in the ledger schema's order.
      size_bytes: Size that the listing gave, None if it gave none.
      generation: Version that the listing gave; reading is pinned to it.
      modified_at: Time of last change that the listing gave, UTC.
      refusal: Why the image must not be opened, with a detail; None if it may be.
    """

    uri: str
    key: str
    order: tuple[int, int]
    carried: tuple[Any, ...] = ()
    size_bytes: int | None = None
    generation: str | None = None
    modified_at: datetime.datetime | None = None
    refusal: tuple[Failure, str] | None = None

    def row(self) -> LedgerRow:
        """Return the ledger row of this input with all that is known so far."""
        return LedgerRow(
            uri=self.uri,
            key=self.key,
            carried=self.carried,
            size_bytes=self.size_bytes,
            generation=self.generation,
            modified_at=self.modified_at,
        )
