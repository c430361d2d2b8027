"""What can be wrong with what `musiq select` was asked for."""

from schemas.errors import MusiqError


class SelectionError(MusiqError):
    """A condition, a choice or a list that cannot be; one line says why."""
