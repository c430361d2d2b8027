"""What `musiq models` can be told; light to import."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportConfig:
    """What was asked of `musiq models import`.

    Attributes:
      file: The published checkpoint.
      dataset: The data set that it was fine-tuned on.
      output: The model file to write.
    """

    file: str
    dataset: str
    output: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class InspectConfig:
    """What was asked of `musiq models inspect`.

    Attributes:
      file: The model file, by any name that `musiq score --model` takes.
      json: Whether the answer is JSON.
    """

    file: str
    json: bool = False
