"""How long a run goes on, and how; light, so that its defaults cost nothing."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """How a run goes on. Only the first three change what it learns.

    Attributes:
      step_count: Steps of the whole run.
      seed: Decides the starting parameters.
      ema_decay: Share that a step keeps of the moving average of the parameters; None
        keeps no average.
      checkpoint_every_steps: Steps from one checkpoint to the next.
      kept_checkpoints: How many of the newest checkpoints stay.
      log_every_steps: Steps whose numbers are averaged in one line.
      fsdp_devices: Devices that share one copy of the state; 1 is data parallelism.
      profile_start_step: First step of the profile; None makes none.
      profile_steps: Steps of the profile.
      step_timeout_seconds: How long processes wait for each other in a step.
    """

    step_count: int
    seed: int = 0
    ema_decay: float | None = None
    checkpoint_every_steps: int = 1000
    kept_checkpoints: int = 2
    log_every_steps: int = 50
    fsdp_devices: int = 1
    profile_start_step: int | None = None
    profile_steps: int = 5
    step_timeout_seconds: float = 600

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name in ("seed", "ema_decay") or value is None:
                continue
            if not value > 0:
                raise ValueError(f"{field.name} must be positive, got {value}")
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            raise ValueError(f"ema_decay must be in (0, 1), got {self.ema_decay}")
