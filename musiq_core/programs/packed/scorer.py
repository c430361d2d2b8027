"""The scorer for CPUs: packed batches, float32, three programs for all sizes."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float32

from musiq_core.images.patches import Patches
from musiq_core.model_files.model_file import Model
from musiq_core.programs.batching import Batcher, TokenBatcher
from musiq_core.programs.folded.parameters import fold_parameters
from musiq_core.programs.packed.encoder import PATCH_BLOCK, encode_block
from musiq_core.programs.packed.layout import PackedLayout, pack
from musiq_core.programs.packed.loops import ROW_TAIL
from musiq_core.programs.packed.transformer import transform
from musiq_core.programs.scorer import Scorer, ScorerStatistics

# What takes the time are library calls: less effort on the code between them compiles
# sooner and is no slower.
_COMPILER_OPTIONS = {"xla_backend_optimization_level": 1}


class PackedScorer(Scorer):
    """Scores batches that fit one packed sequence."""

    def __init__(self, model: Model):
        super().__init__(model)
        self._encoder, self._transformer = fold_parameters(
            model.parameters, model.config
        )
        self._encode: Callable[..., jax.Array] = jax.jit(
            functools.partial(encode_block, config=model.config)
        )
        self._transform: Callable[..., jax.Array] = jax.jit(
            functools.partial(transform, config=model.config),
            compiler_options=_COMPILER_OPTIONS,
        )
        self._compiled: set[int] = set()

    def new_batcher(self) -> Batcher[Any]:
        """Return a batcher that fills the smallest packed sequence."""
        return TokenBatcher()

    def start(self, images: Sequence[Patches]) -> Float32[jax.Array, "rows outputs"]:
        """Begin with at most MAX_IMAGES images that fit the largest capacity.

        Raises:
          ValueError: If there are more of them, or tokens.
        """
        layout = pack(images, self.model.config.preprocessing)
        self._count(layout)
        embeddings = self._embed(images, layout)
        return self._transform(self._transformer, embeddings, layout)

    def _count(self, layout: PackedLayout) -> None:
        """Count the rows to be computed and the programs not yet compiled."""
        capacity = len(layout.table_rows)
        is_new = capacity not in self._compiled
        self.statistics += ScorerStatistics(
            computed_tokens=-(-int(layout.row_count) // ROW_TAIL) * ROW_TAIL,
            # The first capacity comes with the patch encoder's program.
            compilations=is_new + (is_new and not self._compiled),
        )
        self._compiled.add(capacity)

    def _embed(
        self, images: Sequence[Patches], layout: PackedLayout
    ) -> Float32[np.ndarray, "capacity D"]:
        """Embed all patches and lay them out behind the CLS rows."""
        hidden_size = self.model.config.hidden_size
        embeddings = np.zeros((len(layout.table_rows), hidden_size), np.float32)
        row_count, image_count = int(layout.row_count), int(layout.image_count)
        is_patch = np.ones(row_count, bool)
        is_patch[np.asarray(layout.image_starts[:image_count])] = False
        encoded = [
            np.asarray(self._encode(self._encoder, block, np.int32(count)))[:count]
            for block, count in _blocks(images)
        ]
        embeddings[:row_count][is_patch] = np.concatenate(encoded)
        return embeddings


def _blocks(
    images: Sequence[Patches],
) -> Iterator[tuple[Float32[np.ndarray, "PATCH_BLOCK values"], int]]:
    """Yield the pixels of all images in blocks of PATCH_BLOCK and the rows in use."""
    block = np.zeros((PATCH_BLOCK, images[0].native.shape[1]), np.float32)
    filled = 0
    for patches in images:
        taken = 0
        while taken < patches.token_count:
            rows = patches.normalized(taken, taken + PATCH_BLOCK - filled)
            block[filled : filled + len(rows)] = rows
            taken += len(rows)
            filled += len(rows)
            if filled == PATCH_BLOCK:
                yield block, filled
                block, filled = np.empty_like(block), 0
    if filled:
        yield block, filled
