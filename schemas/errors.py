"""The errors that users meet: each is one line."""

from schemas.text import printable


class MusiqError(Exception):
    """Something that a user can put right; one line says what, where and the cure.

    Raised before a job starts it ends the program with exit code 2, and while one runs,
    with 1, at one place each: nothing in between turns it into another error.
    """

    def __str__(self) -> str:
        """Return the line; names may have line breaks, it has none."""
        return printable(super().__str__())


class UsageError(MusiqError):
    """The user asked for something that cannot be done."""
