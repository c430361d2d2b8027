"""The flags of `musiq verify`; light, so that help answers at once."""

from pipelines.verifying.config import VerifyingConfig
from schemas.programs.flags import Flag
from schemas.programs.program import EngineArguments, Program

_EPILOG = """\
Exit codes: 0 the ledger is whole, 1 it is not, 2 wrong arguments.

Example: musiq verify --ledger ledger/
"""


def _run(config: VerifyingConfig, _: EngineArguments) -> int:
    from pipelines.verifying import command

    return command.run(config)


VERIFY = Program(
    name="verify",
    help="check a ledger from its files",
    description="Check the newest state of a ledger from its files: digests, "
    "counts, duplicates, schema, models and scores.",
    epilog=_EPILOG,
    settings=VerifyingConfig,
    run=_run,
    flags=(
        Flag("ledger", "the ledger", "DIR"),
        Flag("json", "print JSON instead of lines"),
    ),
)
