"""What `musiq-train evaluate` is asked for; light, so that help answers at once."""

from schemas.programs.flags import Flag
from schemas.programs.program import EngineArguments, Program
from training.commands.processes_arguments import PROCESSES_FLAGS
from training.commands.requests import EvaluateRequest

_EPILOG = """\
A correlation with something constant has no value: "undefined", null in JSON.

Ten trainings on ten splits, as papers report them, each made by
  musiq prepare koniq10k --input koniq10k/ --output data/koniq-$i \\
      --split random --seed $i
  musiq-train run --experiment koniq --data data/koniq-$i --output runs/koniq-$i \\
      --set seed=$i
for i in 0..9, are evaluated together by
  musiq-train evaluate --runs 10 --run 'runs/koniq-{run}' --data 'data/koniq-{run}'

Example: musiq-train evaluate --run runs/koniq --data data/koniq --split test
"""


def _run(request: EvaluateRequest, _: EngineArguments) -> int:
    from training.commands import evaluate_command

    return evaluate_command.run(request)


EVALUATE = Program(
    name="evaluate",
    help="measure a model against the labels of a split",
    description="Measure a model against the labels of a split: SRCC, PLCC (raw, "
    "and under another name after a logistic fit), RMSE, for AVA also accuracy at "
    "5, MSE and EMD, each with a 95 % bootstrap interval.",
    epilog=_EPILOG,
    settings=EvaluateRequest,
    run=_run,
    flags=(
        Flag(
            "run",
            "the --output of `musiq-train run`: its newest checkpoint, or that of "
            "--step; the moving average of the parameters if the run kept one",
            "DIR",
        ),
        Flag(
            "model",
            "in place of a run, what `musiq score --model` takes: a model file, "
            "FOLDER@latest or FOLDER@VERSION, or `builtin`",
            "FILE",
        ),
        Flag("step", "which checkpoint of the run", "N"),
        Flag("data", "a data set of `musiq prepare`", "DIR"),
        Flag("split", "which of its splits", "NAME"),
        Flag(
            "batch_size",
            "images of a step over all devices (default: 8 for each device)",
            "N",
        ),
        Flag(
            "runs",
            "evaluate N trainings, numbered from 0, and give mean and standard "
            "deviation over them; {run} in --run, --model, --data and --predictions "
            "stands for the number",
            "N",
        ),
        Flag(
            "predictions",
            "write name, group, label and prediction of every example to this "
            "Parquet file, and the distributions if there are any",
            "FILE",
        ),
        Flag("json", "print JSON instead of a table"),
        *PROCESSES_FLAGS,
    ),
)
