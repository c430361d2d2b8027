"""What every scorer offers: a model that turns batches of images into scores."""

import abc
import dataclasses
import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float32

from musiq_core.images.patches import Patches
from musiq_core.model_files.model_file import Model
from musiq_core.network.scores import score_from_logits
from musiq_core.programs.batching import Batcher
from schemas.ledger import Score


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScorerStatistics:
    """What a scorer has done so far; statistics can be added and subtracted.

    Attributes:
      images: Images scored.
      tokens: Tokens of those images, without CLS.
      computed_tokens: Rows that the Transformer computed, padding and CLS included.
      compilations: Programs compiled or taken from the compilation cache.
    """

    images: int = 0
    tokens: int = 0
    computed_tokens: int = 0
    compilations: int = 0

    def __add__(self, other: "ScorerStatistics") -> "ScorerStatistics":
        return self._combined(operator.add, other)

    def __sub__(self, other: "ScorerStatistics") -> "ScorerStatistics":
        return self._combined(operator.sub, other)

    def _combined(
        self, combine: Callable[[int, int], int], other: "ScorerStatistics"
    ) -> "ScorerStatistics":
        mine, theirs = dataclasses.astuple(self), dataclasses.astuple(other)
        names = [field.name for field in dataclasses.fields(self)]
        return ScorerStatistics(
            **dict(zip(names, map(combine, mine, theirs), strict=True))
        )


class Scorer(abc.ABC):
    """One model, compiled once for all images. Batch mates do not influence each other.

    Attributes:
      model: The model file that was read.
      statistics: Counts since construction.
    """

    def __init__(self, model: Model):
        self.model = model
        self.statistics = ScorerStatistics()

    @abc.abstractmethod
    def new_batcher(self) -> Batcher[Any]:
        """Return a batcher whose batches this scorer takes."""

    @abc.abstractmethod
    def start(self, images: Sequence[Patches]) -> Float32[jax.Array, "rows outputs"]:
        """Begin with a batch; an accelerator works on when this returns.

        Args:
          images: One batch, at least one image.

        Returns:
          float32 [rows, outputs], logits: a row an image, in order, and more rows that
          mean nothing.

        Raises:
          ValueError: If the images are more than a batch holds.
        """

    def finish(
        self,
        logits: Float32[jax.Array | np.ndarray, "rows outputs"],
        images: Sequence[Patches],
    ) -> list[Score]:
        """Wait for the logits of a batch and return its scores, in order.

        Args:
          logits: float32 [rows, outputs] of `start`.
          images: The same batch.
        """
        rows = np.asarray(logits)[: len(images)]
        self.statistics += ScorerStatistics(
            images=len(images), tokens=sum(p.token_count for p in images)
        )
        return [score_from_logits(row) for row in rows]

    def score(self, images: Sequence[Patches]) -> list[Score]:
        """Score one batch: `start` and `finish`.

        Raises:
          ValueError: If the images are more than a batch holds.
        """
        return self.finish(self.start(images), images)

    def compile(self) -> None:
        """Compile the programs of ordinary photos before the first one comes."""
        side = self.model.config.preprocessing.patch_size
        blank = Patches(
            resized=np.empty((0, side * side * 3), np.float32),
            native=np.zeros((1, side * side * 3), np.uint8),
            native_bounds=np.array([[0, side, 0, side]], np.uint8),
            positions=np.zeros(1, np.int32),
            scale_ids=np.zeros(1, np.int32),
        )
        self.start([blank])
