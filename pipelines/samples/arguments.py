"""The flags of `musiq demo`; light, so that help answers at once."""

from pipelines.samples.config import DemoConfig
from schemas.programs.flags import Flag
from schemas.programs.program import EngineArguments, Program


def _run(config: DemoConfig, _: EngineArguments) -> int:
    from pipelines.engines.heavy_imports import before_heavy_imports

    before_heavy_imports()
    from pipelines.samples import command

    return command.run(config)


DEMO = Program(
    name="demo",
    help="make sample photos, score them and show the scores",
    description="Make sample photos, a few good ones and degraded versions of "
    "them, score them and show the scores.",
    epilog="Example: musiq demo",
    settings=DemoConfig,
    run=_run,
    flags=(
        Flag("photos", "where the photos are written", "DIR"),
        Flag("output", "the ledger's folder", "DIR"),
        Flag("model", "as of `musiq score`", "[NAME=]FILE"),
    ),
)
