"""One hostile file, and what may become of it."""

import dataclasses

from schemas.failures import Failure

SCORED = "scored"
DAMAGED = frozenset({Failure.TRUNCATED, Failure.UNDECODABLE})
REFUSED = frozenset({Failure.NOT_AN_IMAGE, Failure.UNSUPPORTED_FORMAT})
# What decoding may say of a file; that the decoder died is never an answer.
DECODING_FAILURES = frozenset(
    {
        *DAMAGED,
        *REFUSED,
        Failure.EMPTY,
        Failure.TOO_LARGE,
        Failure.UNSUPPORTED_SHAPE,
        Failure.TIMEOUT,
    }
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostileFile:
    """A file below the input folder.

    Attributes:
      name: Its path in that folder, as the disk has it.
      data: Its content.
      allowed: `SCORED` and failure classes, one of which must be its outcome.
    """

    name: bytes
    data: bytes
    allowed: frozenset[str]


def hostile(name: str, data: bytes, *allowed: str) -> HostileFile:
    assert allowed
    return HostileFile(name=name.encode(), data=data, allowed=frozenset(allowed))
