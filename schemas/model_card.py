"""The model card: what a model file says of itself, in its header."""

import dataclasses
import json
import math
from typing import Any

from schemas.errors import MusiqError
from schemas.plain import PlainError, from_plain, to_plain

FORMAT = "musiq-model/2"
_FORMAT_WITHOUT_SELF_TEST = "musiq-model/1"


class ModelCardError(MusiqError, ValueError):
    """A model card that cannot be read or that contradicts itself."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Everything that a user of a model's scores needs to know, beside the parameters.

    Attributes:
      name: Short name, lower-case letters, digits and underscores; it becomes the
        ledger column `musiq_<name>`.
      architecture: Sizes of the network by name (musiq_core.config.ModelConfig).
      preprocessing: Scales, patch size and grid (PreprocessingConfig).
      score_range: Lowest and highest score that the labels had.
      higher_is_better: Direction of the score.
      training_data: What the parameters were fitted to, in words.
      licence: Terms of the parameters and of their training data, in words.
      source: Where the parameters come from, such as a file name and its SHA-256.
      evaluation: Measured figures by name; empty where nothing was measured.
      self_test: Score of every picture of musiq_core.programs.self_test by name, which
        workers must meet before they use the model; empty if there is nothing to meet.
    """

    name: str
    architecture: dict[str, int]
    preprocessing: dict[str, Any]
    score_range: tuple[float, float]
    higher_is_better: bool
    training_data: str
    licence: str
    source: str
    evaluation: dict[str, Any] = dataclasses.field(default_factory=dict)
    self_test: dict[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        require_model_name(self.name)
        low, high = self.score_range
        if not low < high:
            raise ModelCardError(f"score_range must ascend, got {low} to {high}")
        _require_finite(self.self_test)

    def to_json(self) -> str:
        """Return the card as canonical JSON: sorted keys, no spaces."""
        fields = {"format": FORMAT, **to_plain(self)}
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "ModelCard":
        """Read a card, refusing unknown formats and missing or unknown fields.

        Cards of the first format, which had no self-test, are read as cards without.

        Raises:
          ModelCardError: With the format or the field names that are wrong.
        """
        try:
            fields = json.loads(text)
            card_format = fields.pop("format")
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise ModelCardError("the model card is not a JSON object") from error
        if card_format not in (FORMAT, _FORMAT_WITHOUT_SELF_TEST):
            raise ModelCardError(
                f"the model card has format {card_format!r}, "
                f"this program reads {FORMAT!r}"
            )
        try:
            return from_plain(cls, fields)
        except PlainError as error:
            raise ModelCardError(f"the model card is not right: {error}") from error


def require_model_name(name: str) -> str:
    """Return `name` if it can be part of a ledger column's name.

    Raises:
      ModelCardError: If it has other characters than a-z, 0-9 and underscore.
    """
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789_")
    if not name or not set(name) <= allowed:
        raise ModelCardError(
            f"model name {name!r} must consist of a-z, 0-9 and underscores: it becomes "
            "the ledger column musiq_<name>"
        )
    return name


def _require_finite(self_test: dict[str, float]) -> None:
    for picture, score in self_test.items():
        if not math.isfinite(score):
            raise ModelCardError(
                f"the self-test's score of picture {picture!r} must be a finite "
                f"number, got {score!r}"
            )
