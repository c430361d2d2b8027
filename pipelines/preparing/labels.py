"""What label files say: one row an image, and what the numbers mean."""

import dataclasses
import math
from collections.abc import Iterable

from schemas.errors import MusiqError


class ReleaseError(MusiqError):
    """A release that cannot be prepared as it lies there; one line says why."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LabelFile:
    """A label file that was read.

    Attributes:
      name: Its path in the release.
      data: Its bytes.
    """

    name: str
    data: bytes


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LabelledImage:
    """One row of a label file.

    Attributes:
      name: The image's name in the data set, as its label file spells it.
      label: A score, the probabilities of the ratings 1..n, or a class index.
      group: What no split may tear apart; the name, where nothing else is known.
      split: Where the release puts it; None where the release does not say.
      is_only_for_training: Whether it is left out of other splits.
    """

    name: str
    label: tuple[float, ...]
    group: str
    split: str | None = None
    is_only_for_training: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelScale:
    """What labels mean, as `schemas.training_dataset` has it.

    Attributes:
      kind: "score", "distribution" or "class".
      size: Numbers of a label; for classes, how many classes there are.
      low: Lowest score, lowest rating or first class.
      high: Highest score, highest rating or last class.
      higher_is_better: Direction of the score.
    """

    kind: str
    size: int
    low: float
    high: float
    higher_is_better: bool = True

    @classmethod
    def score(
        cls, low: float, high: float, *, higher_is_better: bool = True
    ) -> "LabelScale":
        """Return the scale of one score."""
        return cls(
            kind="score",
            size=1,
            low=low,
            high=high,
            higher_is_better=higher_is_better,
        )

    @classmethod
    def ratings(cls, count: int) -> "LabelScale":
        """Return the scale of probabilities of the ratings 1..count."""
        return cls(kind="distribution", size=count, low=1, high=count)

    @classmethod
    def classes(cls, count: int) -> "LabelScale":
        """Return the scale of class indices."""
        return cls(kind="class", size=count, low=0, high=count - 1)

    def score_label(self, text: object, place: str) -> tuple[float]:
        """Return a score of this scale.

        Args:
          text: What a cell holds.
          place: File and line, for messages.

        Raises:
          ReleaseError: If it is no finite number of this scale.
        """
        score = parse_number(text, place)
        if not self.low <= score <= self.high:
            raise ReleaseError(
                f"{place}: the score {score:g} is outside the data set's scale "
                f"{self.low:g}..{self.high:g}"
            )
        return (score,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labels:
    """All that the label files of a data set say.

    Attributes:
      rows: One an image.
      scale: What the labels mean.
      split_rule: How the release's own split came about, in words; None if it has none.
    """

    rows: tuple[LabelledImage, ...]
    scale: LabelScale
    split_rule: str | None


def parse_number(text: object, place: str) -> float:
    """Return the finite number that a cell holds.

    Raises:
      ReleaseError: If it holds none; a missing score is never made up.
    """
    try:
        number = float(str(text))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ReleaseError(f"{place}: expected a number, got {str(text)!r}")
    return number


def rating_label(counts: Iterable[object], place: str) -> tuple[float, ...]:
    """Return probabilities of ratings from counts or shares of votes.

    Raises:
      ReleaseError: If they are no votes.
    """
    votes = [parse_number(count, place) for count in counts]
    total = math.fsum(votes)
    if min(votes) < 0 or total <= 0:
        raise ReleaseError(f"{place}: the ratings {votes} are no counts of votes")
    return tuple(vote / total for vote in votes)
