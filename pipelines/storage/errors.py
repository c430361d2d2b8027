"""How stores fail: altogether, or by refusing one name or one object."""

from schemas.errors import MusiqError
from schemas.failures import Failure
from schemas.text import printable


class StorageError(MusiqError):
    """A store cannot do what the program needs; one line says what, where and why."""


class Refused(StorageError):
    """One name or one object is refused; others need not be.

    Args:
      failure: The reason, from the closed list.
      detail: The reason in a few words, which do not repeat the name.
      uri: What is refused; "" where a name may hold secrets.
    """

    def __init__(self, failure: Failure, detail: str, uri: str = ""):
        super().__init__(failure, detail, uri)
        self.failure = failure
        self.detail = detail
        self.uri = uri

    def __str__(self) -> str:
        """Return the line."""
        where = f"cannot read {self.uri}: " if self.uri else ""
        return printable(where + self.detail)


class NameRefused(Refused):
    """No store can hold this name, or nothing may be read by it."""


class ObjectRefused(Refused):
    """This object cannot be read, or not as it was listed."""
