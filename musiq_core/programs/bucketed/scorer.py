"""The scorer for accelerators: batches of static shapes, bfloat16 products."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Float32, Int, Shaped

from musiq_core.config import sequence_length
from musiq_core.images.patches import Patches
from musiq_core.model_files.model_file import Model
from musiq_core.programs.batching import Batcher, BucketBatcher
from musiq_core.programs.bucketed import program as bucketed_program
from musiq_core.programs.bucketed.buckets import BATCH_ROWS, bucket_for, images_of
from musiq_core.programs.bucketed.program import PATCH_BLOCK
from musiq_core.programs.folded.parameters import (
    Dense,
    Norm,
    fold_parameters,
    table_rows,
)
from musiq_core.programs.scorer import Scorer, ScorerStatistics

_Tree = TypeVar("_Tree")
_Node = Norm | Dense | jax.Array


class BucketedScorer(Scorer):
    """Scores batches of images of about one length on JAX's default device.

    Not measured on a GPU or TPU yet; on a CPU it gives the packed scorer's scores.
    """

    def __init__(
        self,
        model: Model,
        dtype: DTypeLike = jnp.bfloat16,
        *,
        batch_rows: int = BATCH_ROWS,
    ):
        """Cast what enters matrix products to `dtype` and compile nothing yet.

        Args:
          model: The model file that was read.
          dtype: bfloat16, or float32, whose products are then exact on every device.
          batch_rows: Rows that a batch computes, padding included.
        """
        super().__init__(model)
        self._batch_rows = batch_rows
        encoder, transformer = fold_parameters(model.parameters, model.config)
        self._encoder = _cast(encoder, dtype)
        layers = _cast(transformer.layers, dtype)
        self._transformer = transformer._replace(layers=layers)
        is_gpu = jax.default_backend() == "gpu"
        config = model.config
        self._embed_native = _compiled(bucketed_program.embed_native, config=config)
        self._embed_resized = _compiled(bucketed_program.embed_resized, config=config)
        self._place: Callable[..., jax.Array] = jax.jit(
            bucketed_program.place_rows, donate_argnums=0
        )
        self._transform = _compiled(
            bucketed_program.transform_bucket,
            config=config,
            use_cudnn=is_gpu and dtype == jnp.bfloat16,
        )
        self._compiled_buckets: set[int] = set()

    def new_batcher(self) -> Batcher[Any]:
        """Return a batcher that fills one bucket's batch at a time."""
        return BucketBatcher(batch_rows=self._batch_rows)

    def start(self, images: Sequence[Patches]) -> Float32[jax.Array, "rows outputs"]:
        """Begin with images that fit the batch of the longest one's bucket.

        Raises:
          ValueError: If there are more of them, or one fits no bucket.
        """
        sizes = [sequence_length(p.token_count) for p in images]
        bucket = bucket_for(max(sizes))
        slots = images_of(bucket, self._batch_rows)
        if len(images) > slots:
            raise ValueError(
                f"{len(images)} images do not fit: a batch of {bucket} rows an image "
                f"has {slots}"
            )
        self._count(bucket, slots)
        preprocessing = self.model.config.preprocessing
        rows = np.zeros((slots, bucket), np.int32)
        for row, patches in zip(rows, images, strict=False):
            row[: sequence_length(patches.token_count)] = table_rows(
                patches, preprocessing
            )
        return self._transform(
            self._transformer,
            self._embed(images, bucket, slots),
            rows,
            np.array(sizes + [1] * (slots - len(sizes)), np.int32),
        )

    def _count(self, bucket: int, slots: int) -> None:
        """Count the rows to be computed and the programs not yet compiled."""
        is_new = bucket not in self._compiled_buckets
        self.statistics += ScorerStatistics(
            computed_tokens=bucket * slots,
            # The first bucket comes with the programs that embed patches.
            compilations=is_new + (3 if is_new and not self._compiled_buckets else 0),
        )
        self._compiled_buckets.add(bucket)

    def _embed(
        self, images: Sequence[Patches], bucket: int, slots: int
    ) -> Float32[jax.Array, "rows D"]:
        """Embed all patches and put each at its image's row."""
        end = slots * bucket
        buffer = jnp.zeros((end, self.model.config.hidden_size), jnp.float32)
        firsts = [bucket * index + 1 for index in range(len(images))]
        resized_rows = [
            first + np.arange(len(patches.resized))
            for first, patches in zip(firsts, images, strict=True)
        ]
        native_rows = [
            first + np.arange(len(patches.resized), patches.token_count)
            for first, patches in zip(firsts, images, strict=True)
        ]
        resized = [patches.resized for patches in images]
        for rows, block in _blocks(resized_rows, resized, end=end):
            embedded = self._embed_resized(self._encoder, block)
            buffer = self._place(buffer, rows, embedded)
        native = [patches.native for patches in images]
        bounds = [patches.native_bounds for patches in images]
        for rows, block, block_bounds in _blocks(native_rows, native, bounds, end=end):
            embedded = self._embed_native(self._encoder, block, block_bounds)
            buffer = self._place(buffer, rows, embedded)
        return buffer


def _compiled(
    function: Callable[..., jax.Array], **settings: Any
) -> Callable[..., jax.Array]:
    """Compile with products of float32 in full precision, also on accelerators."""

    def exact(*arguments: Any) -> jax.Array:
        with jax.default_matmul_precision("highest"):
            return function(*arguments, **settings)

    return jax.jit(functools.wraps(function)(exact))


def _cast(parameters: _Tree, dtype: DTypeLike) -> _Tree:
    """Return a tree whose kernels have another dtype; norms and biases keep theirs."""

    def is_layer(node: object) -> bool:
        return isinstance(node, (Dense, Norm))

    def cast(node: _Node) -> _Node:
        if isinstance(node, Norm):
            return node
        if isinstance(node, Dense):
            return node._replace(kernel=node.kernel.astype(dtype))
        return node.astype(dtype)

    return jax.tree.map(cast, parameters, is_leaf=is_layer)


def _blocks(
    rows: Sequence[Int[np.ndarray, " _"]],
    *arrays: Sequence[Shaped[np.ndarray, "_ _"]],
    end: int,
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield blocks of PATCH_BLOCK patches of all images together.

    Args:
      rows: For each image, the buffer's row of every patch.
      arrays: For each image, values of every patch.
      end: Row past the buffer's end, where unused rows of the last block go.

    Yields:
      The rows and the values of a block; unused values are 0.
    """
    row_of_patch = np.concatenate(rows).astype(np.int32)
    joined = [np.concatenate(array) for array in arrays]
    for start in range(0, len(row_of_patch), PATCH_BLOCK):
        taken = row_of_patch[start : start + PATCH_BLOCK]
        unused = PATCH_BLOCK - len(taken)
        yield (
            np.pad(taken, (0, unused), constant_values=end),
            *(
                np.pad(values[start : start + PATCH_BLOCK], ((0, unused), (0, 0)))
                for values in joined
            ),
        )
