"""What `musiq clean` can be told; light to import."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class CleaningConfig:
    """What was asked of `musiq clean`.

    Attributes:
      ledger: Name of the ledger's folder.
      keep: States to keep, newest first.
      older_than_hours: Files that changed later are spared.
      dry_run: Whether files are named instead of removed.
    """

    ledger: str
    keep: int = 2
    older_than_hours: float = 48.0
    dry_run: bool = False

    def __post_init__(self):
        if self.keep < 1:
            raise ValueError(f"keep must be positive, got {self.keep}")
        if self.older_than_hours <= 0:
            raise ValueError(
                f"older_than_hours must be positive, got {self.older_than_hours}"
            )
