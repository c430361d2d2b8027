"""The flags of `musiq clean`; light, so that help answers at once."""

import dataclasses

from schemas.programs.flags import Flag
from schemas.programs.program import Program


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


def _run(config: CleaningConfig, _: list[str]) -> int:
    from pipelines.cleaning import command

    return command.run(config)


CLEAN = Program(
    name="clean",
    help="remove old states of a ledger and the leavings of failed runs",
    description="Remove all states of a ledger but the newest ones, and every "
    "file that no kept state names: old rows, leavings of failed runs, journals.",
    epilog="Example: musiq clean --ledger ledger/ --keep 7",
    settings=CleaningConfig,
    run=_run,
    flags=(
        Flag("ledger", "the ledger", "DIR"),
        Flag("keep", "states to keep, the newest among them", "N"),
        Flag(
            "older_than_hours",
            "spare files changed within the last H hours: a run may be going on",
            "H",
        ),
        Flag("dry_run", "name the files and remove nothing"),
    ),
)
