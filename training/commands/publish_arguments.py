"""What `musiq-train publish` is asked for; light, so that help answers at once."""

from schemas.programs.flags import Flag
from schemas.programs.program import EngineArguments, Program
from training.commands.requests import PublishRequest

_EPILOG = """\
The model is measured first, on --split of --data. If the folder has a version that has
a higher SRCC on the same examples, nothing is published. Pipelines then name a version,
or the latest: musiq score --model gs://bucket/models/koniq@latest ...

Exit codes: 0 published (or the same file was before), 1 refused as worse, 2 wrong
arguments.

Example: musiq-train publish --run runs/koniq --data data/koniq --name koniq \\
           --output gs://bucket/models
"""


def _run(request: PublishRequest, _: EngineArguments) -> int:
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
