"""What `musiq-train publish` is asked for; light, so that help answers at once."""

import dataclasses

from schemas.programs.flags import Flag
from schemas.programs.program import Program
from training.commands.evaluate_arguments import require_positive

_EPILOG = """\
The model is measured first, on --split of --data. If the folder has a version that has
a higher SRCC on the same examples, nothing is published. Pipelines then name a version,
or the latest: musiq score --model gs://bucket/models/koniq@latest ...

Exit codes: 0 published (or the same file was before), 1 refused as worse, 2 wrong
arguments.

Example: musiq-train publish --run runs/koniq --data data/koniq --name koniq \\
           --output gs://bucket/models
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishRequest:
    """Which model is published, where, and what measures it.

    Attributes:
      run: The output of `musiq-train run`.
      step: Which of its checkpoints; the newest by default.
      data: The data set that it was trained on.
      split: The split that measures it.
      batch_size: Images of a step over all devices; eight for each by default.
      output: The folder of all models.
      name: Of the model.
      licence: Terms of the parameters, for the card.
      force: Whether a model is published that is worse than the one before.
      json: Whether JSON is printed in place of lines.
    """

    run: str
    step: int | None = None
    data: str
    split: str = "test"
    batch_size: int | None = None
    output: str
    name: str
    licence: str = "no terms were stated for the parameters"
    force: bool = False
    json: bool = False

    def __post_init__(self):
        require_positive(self, "step", "batch_size")


def _run(request: PublishRequest, _: list[str]) -> int:
    from training.commands import publish_command

    return publish_command.run(request)


PUBLISH = Program(
    name="publish",
    help="make a model file of a run, for `musiq score`",
    description="Measure a run's parameters, make a model file of them that says "
    "what it is and proves what it computes, and put it under the next version of "
    "OUTPUT/NAME. Versions are never replaced.",
    epilog=_EPILOG,
    settings=PublishRequest,
    run=_run,
    flags=(
        Flag(
            "run",
            "the --output of `musiq-train run`: its newest checkpoint, or that of "
            "--step; the moving average of the parameters if the run kept one",
            "DIR",
        ),
        Flag("step", "which checkpoint of the run", "N"),
        Flag(
            "data",
            "the data set of `musiq prepare` that the run was trained on",
            "DIR",
        ),
        Flag("split", "which of its splits measures the model", "NAME"),
        Flag(
            "batch_size",
            "images of a step over all devices (default: 8 for each device)",
            "N",
        ),
        Flag(
            "output",
            "the folder of all models, local, on gs:// or s3://; the file becomes "
            "DIR/NAME/00000001.safetensors, or the next number",
            "DIR",
        ),
        Flag(
            "name",
            "of the model: a-z, 0-9 and underscores; ledgers have it in the column "
            "musiq_NAME",
            "NAME",
        ),
        Flag(
            "licence",
            "terms of the parameters, for the model card; the data set's own are added",
            "TEXT",
        ),
        Flag("force", "publish the model even if an older version is better"),
        Flag("json", "print JSON instead of lines"),
    ),
)
