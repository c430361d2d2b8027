"""What `musiq-train builtin` can be told; light to import."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuiltinRequest:
    """What the built-in model is made of, and where.

    Attributes:
      photos: Folder of good photos with `train/` and `manifest.csv`.
      labelled: The release of BIQ2021.
      output: The run's folder.
      processes: Processes that make images while the model trains.
    """

    photos: str
    labelled: str
    output: str
    processes: int = 1

    def __post_init__(self):
        if self.processes < 1:
            raise ValueError(f"processes must be positive, got {self.processes}")
