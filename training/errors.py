"""The ways in which a training program ends early, told in one line each."""

from schemas.errors import MusiqError


class TrainingDiverged(MusiqError):
    """The loss or the gradient is no longer a number; the message names the step."""


class WorseModelError(MusiqError):
    """The model is worse than the one that it would replace; the line says by what."""


class ProcessLost(MusiqError):
    """Another process of the run does not come; the message names it."""


class Preempted(SystemExit):
    """The run was told to end; its state is saved and the same command continues it.

    Not caught, it ends the process with the exit code of SIGTERM, 143.

    Attributes:
      step: Steps done and saved.
    """

    def __init__(self, step: int):
        super().__init__(143)
        self.step = step
