"""The flags of `musiq demo`; light, so that help answers at once."""

import dataclasses

from schemas.programs.flags import Flag
from schemas.programs.program import Program


@dataclasses.dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """What was asked of `musiq demo`.

    Attributes:
      photos: Where the photos are written.
      output: The ledger's folder.
      model: As of `musiq score`.
    """

    photos: str = "samples"
    output: str = "samples-ledger"
    model: str = "builtin"


def _run(config: DemoConfig, _: list[str]) -> int:
    from pipelines.heavy_imports import before_heavy_imports

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
