"""What `musiq-train builtin` is asked for; light, so that help answers at once."""

from schemas.programs.flags import Flag
from schemas.programs.program import EngineArguments, Program
from training.builtin.request import BuiltinRequest

_EPILOG = """\
About an hour and a half on two cores. A run that was stopped goes on when the same
command is given again.

Example: musiq-train builtin --photos photos/ --labelled BIQ2021/ --output builtin/
"""


def _run(request: BuiltinRequest, _: EngineArguments) -> int:
    from training.builtin import command

    return command.run(request)


BUILTIN = Program(
    name="builtin",
    help="make the model that comes with the package",
    description="Train the small model that comes with the package: first on "
    "photos that are degraded by known amounts, then on human scores.",
    epilog=_EPILOG,
    settings=BuiltinRequest,
    run=_run,
    flags=(
        Flag(
            "photos",
            "good photos of any shape: train/ and manifest.csv with the columns name "
            "and source_repo",
            "DIR",
        ),
        Flag(
            "labelled",
            "the release of BIQ2021: Images/ and its two label files",
            "DIR",
        ),
        Flag("output", "the run's folder; builtin.safetensors comes last", "DIR"),
        Flag("processes", "processes that make images while the model trains", "N"),
    ),
)
