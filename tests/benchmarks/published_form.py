"""The network as the published code arranges it: padding slots, textbook operations.

Only for comparison. Parameters and scores are those of `Musiq`; the arrangement is the
one that makes group normalisation, pooling and padding slow.
"""

import contextlib
from collections.abc import Callable, Iterator
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from musiq_core.config import PreprocessingConfig
from musiq_core.images.patches import Patches
from musiq_core.model_files.model_file import Model
from musiq_core.network import patch_encoder
from musiq_core.network.model import Musiq


def published_form(model: Model) -> Callable[[Patches], float]:
    """Return the model under plain `jax.jit`: one program for every length."""
    apply = jax.jit(Musiq(model.config).apply)

    def score(patches: Patches) -> float:
        batch = with_padding_slots(patches, model.config.preprocessing)
        with textbook_operations():
            return float(np.asarray(apply(model.variables, *batch))[0, 0])

    return score


def with_padding_slots(
    patches: Patches, config: PreprocessingConfig
) -> tuple[np.ndarray, ...]:
    """Return a batch of one: every resized copy has room for a square one's patches."""
    slots = [(-(-longer // config.patch_size)) ** 2 for longer in config.scales]
    places = []
    start = 0
    for scale, room in enumerate(slots):
        count = int((patches.scale_ids == scale).sum())
        places += range(start, start + count)
        start += room
    native = len(patches.native)
    places += range(start, start + native)
    mask = np.zeros(start + native, bool)
    mask[places] = True
    arrays = []
    for values in (patches.normalized(), patches.positions, patches.scale_ids):
        padded = np.zeros((len(mask), *values.shape[1:]), values.dtype)
        padded[places] = values
        arrays.append(padded[None])
    return *arrays, mask[None]


@contextlib.contextmanager
def textbook_operations() -> Iterator[None]:
    """Trace with group normalisation and pooling as textbooks write them."""
    with (
        mock.patch.object(patch_encoder, "GroupNorm", _TextbookGroupNorm),
        mock.patch.object(patch_encoder, "max_pool", _textbook_max_pool),
    ):
        yield


class _TextbookGroupNorm(patch_encoder.GroupNorm):
    """Mean and variance over a five-dimensional view."""

    @nn.compact
    def __call__(self, x_NxPxPxC: jax.Array) -> jax.Array:
        shape = x_NxPxPxC.shape
        scale = self.param("scale", self.scale_init, (1, 1, 1, shape[-1]))
        bias = self.param("bias", nn.initializers.zeros, (1, 1, 1, shape[-1]))
        x = x_NxPxPxC.reshape(*shape[:3], self.group_count, -1)
        mean = x.mean(axis=(1, 2, 4), keepdims=True)
        variance = x.var(axis=(1, 2, 4), keepdims=True)
        x = (x - mean) / jnp.sqrt(variance + self.epsilon)
        return x.reshape(shape) * scale + bias


def _textbook_max_pool(x_NxPxPxC: jax.Array) -> jax.Array:
    return nn.max_pool(x_NxPxPxC, (3, 3), strides=(2, 2), padding="SAME")
