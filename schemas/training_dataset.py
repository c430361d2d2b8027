"""The card of a prepared data set: what its shards hold and where they come from."""

import dataclasses
import json
from typing import Any

from schemas.errors import MusiqError
from schemas.plain import PlainError, from_plain, to_plain

FORMAT = "musiq-training-dataset/1"
FILE_NAME = "dataset.json"
LABEL_KINDS = ("score", "distribution", "class")


class TrainingDatasetError(MusiqError, ValueError):
    """A data set's card that cannot be read or that contradicts itself."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shard:
    """One ArrayRecord file of training examples.

    Attributes:
      file: Its name, relative to the card's folder.
      examples: Records in it.
      sha256: Digest of the whole file.
    """

    file: str
    examples: int
    sha256: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingDataset:
    """A labelled data set, prepared for training.

    Attributes:
      name: Short name such as `koniq10k`.
      title: Full name.
      licence: Its terms, in words.
      label_kind: One of `LABEL_KINDS`: a score, probabilities of the ratings 1..n, or a
        class index.
      label_size: Numbers of a label; for classes, how many classes there are.
      label_low: Lowest score that the scale allows (1 for a distribution).
      label_high: Highest score that the scale allows (n for a distribution).
      higher_is_better: Direction of the score.
      shards: Shards of every split by its name, in reading order.
      missing: Labelled images that had no file: how many, and the first names.
      unreadable: Images that could not be decoded: how many, and the first names.
      sources: SHA-256 of every label file that was read, by file name.
      split_rule: How examples came to their splits, in words, with the seed if any.
    """

    name: str
    title: str
    licence: str
    label_kind: str
    label_size: int
    label_low: float
    label_high: float
    higher_is_better: bool
    shards: dict[str, tuple[Shard, ...]]
    missing: dict[str, Any]
    unreadable: dict[str, Any]
    sources: dict[str, str]
    split_rule: str

    def __post_init__(self):
        if self.label_kind not in LABEL_KINDS:
            raise TrainingDatasetError(
                f"label_kind must be one of {', '.join(LABEL_KINDS)}, "
                f"got {self.label_kind!r}"
            )
        if not self.label_low < self.label_high:
            raise TrainingDatasetError(
                f"the label scale must ascend, got {self.label_low} to "
                f"{self.label_high}"
            )

    def example_count(self, split: str) -> int:
        """Return how many examples a split has; 0 for one that does not exist."""
        return sum(shard.examples for shard in self.shards.get(split, ()))

    def to_json(self) -> str:
        """Return the card as JSON, indented for readers."""
        fields = {"format": FORMAT, **to_plain(self)}
        return json.dumps(fields, sort_keys=True, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "TrainingDataset":
        """Read a card, refusing unknown formats and missing or unknown fields.

        Raises:
          TrainingDatasetError: With what is wrong.
        """
        try:
            fields = json.loads(text)
            card_format = fields.pop("format")
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise TrainingDatasetError(
                f"the data set's card is not one of `musiq prepare`: {error}"
            ) from error
        if card_format != FORMAT:
            raise TrainingDatasetError(
                f"the data set's card has format {card_format!r}, this program reads "
                f"{FORMAT!r}; prepare the data set again"
            )
        try:
            return from_plain(cls, fields)
        except PlainError as error:
            raise TrainingDatasetError(
                f"the data set's card is not right: {error}"
            ) from error
