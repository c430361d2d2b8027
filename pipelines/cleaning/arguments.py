"""The flags of `musiq clean`; light, so that help answers at once."""

from pipelines.cleaning.config import CleaningConfig
from schemas.programs.flags import Flag
from schemas.programs.program import EngineArguments, Program


def _run(config: CleaningConfig, _: EngineArguments) -> int:
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
