"""What `musiq-train evaluate` is asked for; light, so that help answers at once."""

import dataclasses

from schemas.programs.flags import Flag
from schemas.programs.program import Program
from training.commands.processes_arguments import PROCESSES_FLAGS, ProcessesRequest

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateRequest(ProcessesRequest):
    """What is measured, on what, and how it is told.

    Attributes:
      run: The output of `musiq-train run`; None if a model is given.
      model: What `musiq score --model` takes; None if a run is given.
      step: Which checkpoint of the run; the newest by default.
      data: A data set of `musiq prepare`.
      split: Which of its splits.
      batch_size: Images of a step over all devices; eight for each by default.
      runs: How many numbered trainings are measured; None for one that has no number.
      predictions: Parquet file for every prediction, on any store.
      json: Whether JSON is printed in place of a table.
    """

    run: str | None = None
    model: str | None = None
    step: int | None = None
    data: str
    split: str = "test"
    batch_size: int | None = None
    runs: int | None = None
    predictions: str | None = None
    json: bool = False

    def __post_init__(self):
        require_positive(self, "step", "batch_size", "runs")
        if (self.run is None) == (self.model is None):
            number = "only one" if self.run else "one"
            raise ValueError(f"{number} of the arguments --run --model must be given")
        if self.model is not None and self.step is not None:
            raise ValueError("--step is of a --run, a --model file has no steps")


def require_positive(request: object, *names: str) -> None:
    """Refuse numbers below 1; None stands for none.

    Raises:
      ValueError: With the first field that is not positive.
    """
    for name in names:
        value = getattr(request, name)
        if value is not None and value < 1:
            raise ValueError(f"{name} must be positive, got {value}")


def _run(request: EvaluateRequest, _: list[str]) -> int:
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
