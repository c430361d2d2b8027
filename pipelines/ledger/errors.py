"""What can be wrong with a ledger's folder."""

from schemas.errors import MusiqError


class LedgerFolderError(MusiqError):
    """A folder that is no ledger, or a ledger that somebody else changed meanwhile."""


class ForeignTableError(LedgerFolderError):
    """A Delta table whose newest state another program made."""
