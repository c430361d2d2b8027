"""The patch encoder: five weight-standardised convolutions and a projection.

Shape letters: N patches, P patch side in pixels, C channels.
"""

import functools
from typing import TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Float, Float32

from musiq_core.config import ModelConfig

ROOT_EPSILON = 1e-6
UNIT_EPSILON = 1e-4
_STANDARDIZE_EPSILON = 1e-5

_Array = TypeVar("_Array", np.ndarray, jax.Array)


def standardize_kernel(
    kernel: Float[_Array, "height width inputs outputs"],
) -> Float[_Array, "height width inputs outputs"]:
    """Give every output channel of a convolution zero mean and unit deviation.

    Args:
      kernel: float [height, width, inputs, outputs], of NumPy or JAX.

    Returns:
      The standardised kernel. The deviation is the population's, and epsilon is added
      to it rather than under the root (musiq-spec section 7).
    """
    mean = kernel.mean(axis=(0, 1, 2), keepdims=True)
    deviation = kernel.std(axis=(0, 1, 2), keepdims=True)
    return cast(_Array, (kernel - mean) / (deviation + _STANDARDIZE_EPSILON))


def convolve(
    x_NxPxPxC: Float[jax.Array, "N P P C"],
    kernel: Float[jax.Array | np.ndarray, "size size C outputs"],
    *,
    stride: int = 1,
) -> Float[jax.Array, "N reduced reduced outputs"]:
    """Convolve NHWC with HWIO under SAME padding (the odd pixel after, as in TF).

    Args:
      x_NxPxPxC: float activations.
      kernel: [size, size, C, outputs] of the same dtype.
      stride: Pixels from one output to the next.

    Returns:
      [N, P / stride, P / stride, outputs] of the same dtype.
    """
    return jax.lax.conv_general_dilated(
        x_NxPxPxC,
        jnp.asarray(kernel),
        window_strides=(stride, stride),
        padding="SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def group_norm_affine(
    x_NxPxPxC: Float32[jax.Array, "N P P C"],
    scale: Float32[jax.Array | np.ndarray, "1 1 1 C"],
    bias: Float32[jax.Array | np.ndarray, "1 1 1 C"],
    *,
    group_count: int,
    epsilon: float,
) -> tuple[Float32[jax.Array, "N 1 1 C"], Float32[jax.Array, "N 1 1 C"]]:
    """Return group normalisation as one multiplication and one addition.

    Args:
      x_NxPxPxC: float32 activations.
      scale: float32 [1, 1, 1, C].
      bias: float32 [1, 1, 1, C].
      group_count: Groups that the channels are divided into.
      epsilon: Added to the variance.

    Returns:
      (factor, offset), float32 [N, 1, 1, C] each: the normalised x is
      `x * factor + offset`. This form needs one pass over x for the sums and no
      five-dimensional reshape, which costs twice as much on CPUs.
    """
    patches, height, width, channels = x_NxPxPxC.shape
    size = height * width * (channels // group_count)

    def mean_of_group(sums: jax.Array) -> jax.Array:
        return sums.reshape(patches, group_count, -1).sum(axis=2) / size

    mean = mean_of_group(x_NxPxPxC.sum(axis=(1, 2)))
    mean_of_squares = mean_of_group((x_NxPxPxC * x_NxPxPxC).sum(axis=(1, 2)))
    inverse = jax.lax.rsqrt(mean_of_squares - mean * mean + epsilon)
    per_channel = channels // group_count
    factor = jnp.repeat(inverse, per_channel, axis=1)[:, None, None] * scale
    shift = jnp.repeat(mean, per_channel, axis=1)[:, None, None] * factor
    offset = jnp.asarray(bias) - shift
    return factor, offset


def max_pool(
    x_NxPxPxC: Float[jax.Array, "N P P C"],
) -> Float[jax.Array, "N P//2 P//2 C"]:
    """Pool 3x3 with stride 2 under SAME padding, [N, P / 2, P / 2, C]; P must be even.

    Slices and `maximum` are exact and faster on CPUs than a window reduction.
    """
    x = jnp.pad(x_NxPxPxC, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=-jnp.inf)
    x = jnp.maximum(jnp.maximum(x[:, :-1:2], x[:, 1::2]), x[:, 2::2])
    return jnp.maximum(jnp.maximum(x[:, :, :-1:2], x[:, :, 1::2]), x[:, :, 2::2])


class StandardizedConv(nn.Module):
    """Convolution without bias whose kernel is standardised at run time."""

    features: int
    size: int
    stride: int = 1

    @nn.compact
    def __call__(
        self, x_NxPxPxC: Float[jax.Array, "N P P C"]
    ) -> Float[jax.Array, "N reduced reduced features"]:
        """Convolve [N, P, P, inputs] to [N, P / stride, P / stride, features]."""
        shape = (self.size, self.size, x_NxPxPxC.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape)
        return convolve(x_NxPxPxC, standardize_kernel(kernel), stride=self.stride)


class GroupNorm(nn.Module):
    """Group normalisation with the published [1, 1, 1, C] parameters."""

    group_count: int
    epsilon: float
    scale_init: nn.initializers.Initializer = nn.initializers.ones

    @nn.compact
    def __call__(
        self, x_NxPxPxC: Float[jax.Array, "N P P C"]
    ) -> Float[jax.Array, "N P P C"]:
        """Normalise every patch over its pixels and the channels of a group."""
        shape = (1, 1, 1, x_NxPxPxC.shape[-1])
        scale = self.param("scale", self.scale_init, shape)
        bias = self.param("bias", nn.initializers.zeros, shape)
        factor, offset = group_norm_affine(
            x_NxPxPxC, scale, bias, group_count=self.group_count, epsilon=self.epsilon
        )
        return x_NxPxPxC * factor + offset


class BottleneckUnit(nn.Module):
    """One residual unit: 1x1, 3x3, 1x1 beside a projected shortcut."""

    config: ModelConfig

    @nn.compact
    def __call__(
        self, x_NxPxPxC: Float[jax.Array, "N P P C"]
    ) -> Float[jax.Array, "N P P features"]:
        """Map [N, P, P, stem_width] to [N, P, P, patch_features]."""
        width, features = self.config.stem_width, self.config.patch_features

        norm = functools.partial(GroupNorm, self.config.group_count, UNIT_EPSILON)
        shortcut = StandardizedConv(features, 1, name="conv_proj")(x_NxPxPxC)
        shortcut = norm(name="gn_proj")(shortcut)
        x = StandardizedConv(width, 1, name="conv1")(x_NxPxPxC)
        x = nn.relu(norm(name="gn1")(x))
        x = StandardizedConv(width, 3, name="conv2")(x)
        x = nn.relu(norm(name="gn2")(x))
        x = StandardizedConv(features, 1, name="conv3")(x)
        x = norm(name="gn3", scale_init=nn.initializers.zeros)(x)
        return nn.relu(shortcut + x)


class _Stage(nn.Module):
    """Holds the unit; it exists for the published parameter path `block1/unit1`."""

    config: ModelConfig

    @nn.compact
    def __call__(
        self, x_NxPxPxC: Float[jax.Array, "N P P C"]
    ) -> Float[jax.Array, "N P P features"]:
        return BottleneckUnit(self.config, name="unit1")(x_NxPxPxC)


def encode_patches(
    config: ModelConfig, pixels_NxPxPx3: Float32[jax.Array | np.ndarray, "N P P 3"]
) -> Float32[jax.Array, "N D"]:
    """Build the patch encoder's layers inside the calling module and apply them.

    They belong to the caller's scope because the published parameters lie at the top.

    Args:
      config: Sizes of the network.
      pixels_NxPxPx3: float32 patches in -1..1.

    Returns:
      float32 [N, hidden_size].

    Source: musiq-spec section 7.
    """
    x = StandardizedConv(config.stem_width, 7, stride=2, name="conv_root")(
        jnp.asarray(pixels_NxPxPx3)
    )
    x = nn.relu(GroupNorm(config.group_count, ROOT_EPSILON, name="gn_root")(x))
    x = _Stage(config, name="block1")(max_pool(x))
    return nn.Dense(config.hidden_size, name="embedding")(x.reshape(len(x), -1))
