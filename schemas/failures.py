"""The closed list of reasons why an image has no score."""

import enum

from schemas.image_facts import NO_FACTS, ImageFacts
from schemas.text import printable


class Failure(enum.StrEnum):
    """Why one image could not be scored; the value is the ledger's `failure` column."""

    EMPTY = "empty"
    TRUNCATED = "truncated"
    UNDECODABLE = "undecodable"
    UNSUPPORTED_FORMAT = "unsupported_format"
    NOT_AN_IMAGE = "not_an_image"
    TOO_LARGE = "too_large"
    UNSUPPORTED_SHAPE = "unsupported_shape"
    TIMEOUT = "timeout"
    DECODER_CRASH = "decoder_crash"
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    FORBIDDEN_URI = "forbidden_uri"
    UNSAFE_NAME = "unsafe_name"
    UNREADABLE = "unreadable"
    READ_ERROR = "read_error"
    CHANGED = "changed"
    BAD_SCORE = "bad_score"
    INTERNAL = "internal"

    @property
    def is_transient(self) -> bool:
        """Whether trying the same image again later may succeed."""
        return self in _TRANSIENT


_TRANSIENT = frozenset(
    {
        Failure.TIMEOUT,
        Failure.DECODER_CRASH,
        Failure.FORBIDDEN,
        Failure.READ_ERROR,
        Failure.CHANGED,
        Failure.INTERNAL,
    }
)

DETAIL_MAX_CHARACTERS = 300


class ImageFailure(Exception):
    """One image cannot be scored.

    Attributes:
      failure: The reason, from the closed list.
      detail: One short sentence for people; never image bytes, tokens or a traceback.
      facts: What was found out before the failure.
    """

    def __init__(self, failure: Failure, detail: str, facts: ImageFacts = NO_FACTS):
        """Keep the reason, a detail cut to `DETAIL_MAX_CHARACTERS`, and the facts."""
        super().__init__(failure, printable(detail)[:DETAIL_MAX_CHARACTERS])
        self.facts = facts

    def __str__(self) -> str:
        return self.detail

    @property
    def failure(self) -> Failure:
        """The reason, from the closed list."""
        return self.args[0]

    @property
    def detail(self) -> str:
        """One short printable sentence."""
        return self.args[1]
