"""What an input names but the ledger has no row for, counted by reason."""

import dataclasses
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """Inputs that were left out on purpose, for one reason.

    Attributes:
      reason: A few words for all of a kind, which stand before their number in a table,
        such as "videos"; never a name, of which there may be millions.
      count: How many there are.
      example: The name of one of them, if they have names.
    """

    reason: str
    count: int = 1
    example: str | None = None


class LeftOutTally:
    """Counts what is left out, one entry for each reason."""

    def __init__(self):
        self._by_reason: dict[str, LeftOut] = {}

    def add(self, one: LeftOut) -> None:
        """Count one more, or several at once."""
        known = self._by_reason.get(one.reason)
        self._by_reason[one.reason] = _together(known, one) if known else one

    def total(self) -> tuple[LeftOut, ...]:
        """Return what was counted, by reason; an example is the first by name."""
        return tuple(self._by_reason[reason] for reason in sorted(self._by_reason))


def add_left_out(counted: Iterable[LeftOut]) -> tuple[LeftOut, ...]:
    """Return several counts together, one for each reason."""
    tally = LeftOutTally()
    for one in counted:
        tally.add(one)
    return tally.total()


def _together(one: LeftOut, other: LeftOut) -> LeftOut:
    examples = [e.example for e in (one, other) if e.example is not None]
    return LeftOut(
        reason=one.reason,
        count=one.count + other.count,
        example=min(examples, default=None),
    )
