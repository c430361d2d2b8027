"""A model ready to score: compiled once, then fed with packed batches of images."""

import dataclasses
import functools
import operator
from collections.abc import Callable, Iterator, Sequence

import jax
import numpy as np

from musiq_core.model_file import Model
from musiq_core.packed_encoder import PATCH_BLOCK, encode_block
from musiq_core.packed_parameters import fold_parameters
from musiq_core.packed_transformer import ROW_TAIL, transform
from musiq_core.packing import PackedLayout, pack
from musiq_core.patches import Patches
from musiq_core.scores import score_from_logits
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


class Scorer:
    """Scores packed batches with one model on the CPU in float32.

    Attributes:
      model: The model file that was read.
      statistics: Counts since construction.
    """

    def __init__(self, model: Model):
        self.model = model
        self.statistics = ScorerStatistics()
        self._encoder, self._transformer = fold_parameters(
            model.parameters, model.config
        )
        self._encode = jax.jit(functools.partial(encode_block, config=model.config))
        self._transform = jax.jit(functools.partial(transform, config=model.config))
        self._compiled: set[int] = set()

    def compile(self) -> None:
        """Compile the programs of ordinary photos before the first one comes."""
        patch = self.model.config.preprocessing.patch_size
        blank = Patches(
            pixels=np.zeros((1, patch * patch * 3), np.float32),
            positions=np.zeros(1, np.int32),
            scale_ids=np.zeros(1, np.int32),
        )
        self._logits([blank])

    def score(self, images: Sequence[Patches]) -> list[Score]:
        """Score images that fit one packed batch.

        Args:
          images: At most MAX_IMAGES images, together at most the largest capacity.

        Returns:
          One score an image, in order. Batch mates do not influence each other.
        """
        logits = self._logits(images)
        self.statistics += ScorerStatistics(
            images=len(images), tokens=sum(p.token_count for p in images)
        )
        return [score_from_logits(row) for row in logits]

    def _logits(self, images: Sequence[Patches]) -> np.ndarray:
        preprocessing = self.model.config.preprocessing
        layout = pack(
            images,
            grid_cells=preprocessing.grid_size**2,
            scale_count=preprocessing.scale_count,
        )
        self._count(layout)
        arrays = {
            name: np.int32(value) if isinstance(value, int) else value
            for name, value in dataclasses.asdict(layout).items()
            if name != "capacity"
        }
        embeddings = self._embed(images, layout)
        logits = self._transform(self._transformer, embeddings, arrays)
        return np.asarray(logits)[: layout.image_count]

    def _count(self, layout: PackedLayout) -> None:
        """Count the rows to be computed and the programs not yet compiled."""
        is_new = layout.capacity not in self._compiled
        self.statistics += ScorerStatistics(
            computed_tokens=-(-layout.row_count // ROW_TAIL) * ROW_TAIL,
            # The first capacity comes with the patch encoder's program.
            compilations=is_new + (is_new and not self._compiled),
        )
        self._compiled.add(layout.capacity)

    def _embed(self, images: Sequence[Patches], layout: PackedLayout) -> np.ndarray:
        """Embed all patches and lay them out behind the CLS rows, [capacity, D]."""
        hidden_size = self.model.config.hidden_size
        embeddings = np.zeros((layout.capacity, hidden_size), np.float32)
        is_patch = np.ones(layout.row_count, bool)
        is_patch[layout.image_starts[: layout.image_count]] = False
        encoded = [
            np.asarray(self._encode(self._encoder, block, np.int32(count)))[:count]
            for block, count in _blocks(images)
        ]
        embeddings[: layout.row_count][is_patch] = np.concatenate(encoded)
        return embeddings


def _blocks(images: Sequence[Patches]) -> Iterator[tuple[np.ndarray, int]]:
    """Yield the pixels of all images in blocks of PATCH_BLOCK and the rows in use."""
    block = np.zeros((PATCH_BLOCK, images[0].pixels.shape[1]), np.float32)
    filled = 0
    for patches in images:
        taken = 0
        while taken < patches.token_count:
            rows = patches.pixels[taken : taken + PATCH_BLOCK - filled]
            block[filled : filled + len(rows)] = rows
            taken += len(rows)
            filled += len(rows)
            if filled == PATCH_BLOCK:
                yield block, filled
                block, filled = np.empty_like(block), 0
    if filled:
        yield block, filled
