"""An experiment: everything that decides what a model learns from a data set."""

import dataclasses
import math

from musiq_core.config import ModelConfig
from schemas.errors import UsageError
from schemas.training_dataset import TrainingDataset
from training.examples.input_config import InputConfig
from training.learning.losses import LOSSES
from training.learning.optimizer import OptimizerConfig

SCRATCH = "scratch"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """What is learnt, from what, and how. The same experiment learns the same.

    Attributes:
      name: Its name on the command line.
      purpose: What it is for, in one line.
      model: The architecture.
      input: How images become batches; its `preprocessing` is always the model's.
      loss: One of `training.learning.losses.LOSSES`.
      optimizer: How parameters follow their gradients.
      batch_size: Images of a step, over all devices of all processes.
      epochs: How often every image is seen.
      init: Where the parameters come from: `scratch`, the published
        `imagenet_pretrain.npz` or another published `.npz`, the folder of a run of
        ours, or any model that `musiq score` takes. The head starts at 0 in any case.
      ema_decay: Share that a step keeps of the moving average of the parameters, which
        then is what is evaluated and published; None for no average.
      split: The data set's split to train on.
      seed: Decides everything that is random.
    """

    name: str
    purpose: str
    model: ModelConfig
    input: InputConfig
    loss: str
    optimizer: OptimizerConfig
    batch_size: int
    epochs: int
    init: str = SCRATCH
    ema_decay: float | None = None
    split: str = "train"
    seed: int = 0

    def __post_init__(self):
        for name in ("batch_size", "epochs"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, got {self.seed}")
        if self.loss not in LOSSES:
            raise ValueError(
                f"loss must be one of {', '.join(LOSSES)}, got {self.loss!r}"
            )
        takes_score = LOSSES[self.loss].label_kind == "score"
        if takes_score != (self.model.output_count == 1):
            wanted = "1" if takes_score else "more than 1"
            raise ValueError(
                f"loss {self.loss} needs a model.output_count of {wanted}, got "
                f"{self.model.output_count}"
            )
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            raise ValueError(f"ema_decay must be in (0, 1), got {self.ema_decay}")
        input_config = dataclasses.replace(
            self.input, preprocessing=self.model.preprocessing
        )
        object.__setattr__(self, "input", input_config)

    def step_count(self, example_count: int) -> int:
        """Return the steps in which every example is seen `epochs` times at least."""
        return math.ceil(self.epochs * example_count / self.batch_size)

    def require_labels(self, dataset: TrainingDataset) -> None:
        """Refuse a data set whose labels are not those that the experiment learns.

        Raises:
          UsageError: With both sides.
        """
        kind = LOSSES[self.loss].label_kind
        if dataset.label_kind != kind:
            fitting = [
                name
                for name, loss in LOSSES.items()
                if loss.label_kind == dataset.label_kind
            ]
            raise UsageError(
                f"the labels of {dataset.name} are of the kind {dataset.label_kind}, "
                f"loss {self.loss} takes {kind}; for these labels there is "
                f"{' and '.join(fitting)}"
            )
        if dataset.label_size != self.model.output_count:
            raise UsageError(
                f"the labels of {dataset.name} have {dataset.label_size} numbers, the "
                f"model has {self.model.output_count} outputs; add "
                f"--set model.output_count={dataset.label_size}"
            )
        if not dataset.example_count(self.split):
            there = ", ".join(n for n in dataset.shards if dataset.example_count(n))
            raise UsageError(
                f"{dataset.name} has no examples in the split {self.split!r}; there "
                f"are {there or 'none at all'}"
            )


def single_scale(experiment: Experiment) -> Experiment:
    """Return the experiment with images at their native size alone.

    Source: MUSIQ (arXiv:2108.05997), "MUSIQ-single".
    """
    preprocessing = dataclasses.replace(experiment.model.preprocessing, scales=())
    return dataclasses.replace(
        experiment,
        name=experiment.name + "_single",
        purpose=experiment.purpose + ", native size only",
        model=dataclasses.replace(experiment.model, preprocessing=preprocessing),
    )
