"""What the programs of `musiq-train` can be told; light to import."""

import dataclasses
import os

from schemas.errors import UsageError
from training.learning.loop_config import LoopConfig
from training.running.processes_config import ProcessesConfig

COORDINATOR = "MUSIQ_COORDINATOR"
COUNT = "MUSIQ_PROCESS_COUNT"
INDEX = "MUSIQ_PROCESS_INDEX"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProcessesRequest:
    """How processes find each other, as the flags say; the environment says the rest.

    Attributes:
      distributed: Whether the surroundings tell.
      coordinator: HOST:PORT of process 0.
      process_count: Processes of the run.
      process_index: Which one this is.
      heartbeat_timeout_seconds: Silence after which a process counts as dead.
    """

    distributed: bool = False
    coordinator: str | None = None
    process_count: int | None = None
    process_index: int | None = None
    heartbeat_timeout_seconds: int = ProcessesConfig.heartbeat_timeout_seconds

    @property
    def processes(self) -> ProcessesConfig:
        """What the flags, or else the environment, say of the processes.

        Raises:
          UsageError: If they contradict each other.
        """
        return ProcessesConfig(
            coordinator_address=self.coordinator or os.environ.get(COORDINATOR),
            process_count=_number(self.process_count, COUNT),
            process_index=_number(self.process_index, INDEX),
            detect=self.distributed,
            heartbeat_timeout_seconds=self.heartbeat_timeout_seconds,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunRequest(ProcessesRequest):
    """What is trained, on what, and how the run goes on.

    Attributes:
      experiment: Its name.
      data: A data set of `musiq prepare`.
      output: The run's folder.
      set: Changes of the experiment, such as `batch_size=8`.
      checkpoint_every_steps: As `LoopConfig` has it, and so the next six.
      kept_checkpoints: Of `LoopConfig`.
      log_every_steps: Of `LoopConfig`.
      fsdp_devices: Of `LoopConfig`.
      profile_start_step: Of `LoopConfig`.
      profile_steps: Of `LoopConfig`.
      step_timeout_seconds: Of `LoopConfig`.
    """

    experiment: str
    data: str
    output: str
    set: tuple[str, ...] = ()
    checkpoint_every_steps: int = LoopConfig.checkpoint_every_steps
    kept_checkpoints: int = LoopConfig.kept_checkpoints
    log_every_steps: int = LoopConfig.log_every_steps
    fsdp_devices: int = LoopConfig.fsdp_devices
    profile_start_step: int | None = LoopConfig.profile_start_step
    profile_steps: int = LoopConfig.profile_steps
    step_timeout_seconds: float = LoopConfig.step_timeout_seconds

    def loop_config(
        self, *, step_count: int, seed: int, ema_decay: float | None
    ) -> LoopConfig:
        """Return how the run goes on, given what the experiment decides."""
        return LoopConfig(
            step_count=step_count,
            seed=seed,
            ema_decay=ema_decay,
            checkpoint_every_steps=self.checkpoint_every_steps,
            kept_checkpoints=self.kept_checkpoints,
            log_every_steps=self.log_every_steps,
            fsdp_devices=self.fsdp_devices,
            profile_start_step=self.profile_start_step,
            profile_steps=self.profile_steps,
            step_timeout_seconds=self.step_timeout_seconds,
        )


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
        _require_positive(self, "step", "batch_size", "runs")
        if (self.run is None) == (self.model is None):
            number = "only one" if self.run else "one"
            raise ValueError(f"{number} of the arguments --run --model must be given")
        if self.model is not None and self.step is not None:
            raise ValueError("--step is of a --run, a --model file has no steps")


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
        _require_positive(self, "step", "batch_size")


def _require_positive(request: object, *names: str) -> None:
    """Refuse numbers below 1; None stands for none.

    Raises:
      ValueError: With the first field that is not positive.
    """
    for name in names:
        value = getattr(request, name)
        if value is not None and value < 1:
            raise ValueError(f"{name} must be positive, got {value}")


def _number(given: int | None, variable: str) -> int | None:
    text = os.environ.get(variable)
    if given is not None or not text:
        return given
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"{variable} must be a whole number, got {text!r}")
    return int(text)
