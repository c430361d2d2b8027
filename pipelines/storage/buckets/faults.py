"""What an error of an object store's client means; the same terms for every store."""

import dataclasses

import urllib3.exceptions

from pipelines.storage.buckets.object_names import BadNameError
from pipelines.storage.retries import DamagedError
from schemas.failures import Failure

PASSING_STATUSES = (408, 429, 500, 502, 503, 504)


class CompressedError(Exception):
    """The object is stored with `Content-Encoding: gzip`."""


# Of every store; each adds those of its own client.
ERRORS = (
    urllib3.exceptions.HTTPError,
    OSError,
    BadNameError,
    DamagedError,
    CompressedError,
)


@dataclasses.dataclass(frozen=True)
class Fault:
    """The meaning of one error.

    Attributes:
      reason: What went wrong and the cure, without the request's address, which may
        hold a token.
      failure: What a failed read of one object is called.
      may_pass: Whether asking again may help.
      concerns_all: Whether reading any other object would fail likewise.
    """

    reason: str
    failure: Failure = Failure.READ_ERROR
    may_pass: bool = False
    concerns_all: bool = False


NOT_FOUND = Fault("there is no such bucket or object", Failure.NOT_FOUND)
CHANGED = Fault("the object was replaced after it was listed", Failure.CHANGED)
DAMAGED = Fault("its bytes keep arriving damaged", may_pass=True)
_COMPRESSED = Fault(
    "it is stored with Content-Encoding gzip; store it uncompressed", Failure.UNREADABLE
)


def forbidden(rights: str) -> Fault:
    """Return that the account lacks rights, as the store calls them."""
    reason = f"the store refuses access; check the account's {rights} on the bucket"
    return Fault(reason, Failure.FORBIDDEN)


def common_fault(error: Exception, *, may_pass: bool, told: str) -> Fault:
    """Return what an error means that has no words of its own at a store.

    Args:
      error: The error.
      may_pass: Whether asking again may help.
      told: A status or an error's name, for the message.
    """
    match error:
        case BadNameError():
            return Fault(str(error), Failure.UNSAFE_NAME)
        case CompressedError():
            return _COMPRESSED
        case DamagedError():
            return DAMAGED
        case _ if may_pass:
            return Fault(f"the store kept failing ({told})", may_pass=True)
        case _:
            return Fault(f"the store does not answer properly ({told})")
