"""What both fast forms compute alike, of folded parameters.

Products are computed in the dtype of their kernel, float32 or bfloat16, and summed up
in float32; norms and the residual stream are float32 in any case.

Shape letters: N patches, P patch side in pixels, D hidden size.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float, Float32

from musiq_core.config import ModelConfig
from musiq_core.network.patch_encoder import (
    ROOT_EPSILON,
    UNIT_EPSILON,
    convolve,
    group_norm_affine,
    max_pool,
)
from musiq_core.network.transformer import LAYER_NORM_EPSILON
from musiq_core.programs.folded.parameters import (
    Dense,
    FoldedEncoder,
    FoldedResiduals,
    FoldedTransformer,
    Norm,
)


def convolutions(
    encoder: FoldedEncoder,
    pixels: Float[jax.Array, "N P P 3"],
    config: ModelConfig,
) -> Float[jax.Array, "N P//4 P//4 features"]:
    """Map patches to features, all of the patch encoder but its dense layer.

    Args:
      encoder: Kernels in the dtype of `pixels`.
      pixels: float32 or bfloat16 [N, P, P, 3] in -1..1.
      config: Sizes of the network.

    Returns:
      [N, P / 4, P / 4, patch_features] in the dtype of `pixels`, at least 0.
    """

    def affine(x: jax.Array, norm: Norm, epsilon: float) -> tuple[jax.Array, jax.Array]:
        return group_norm_affine(
            x, norm.scale, norm.bias, group_count=config.group_count, epsilon=epsilon
        )

    def normalized(x: jax.Array, norm: Norm, epsilon: float) -> jax.Array:
        wide = x.astype(jnp.float32)
        factor, offset = affine(wide, norm, epsilon)
        return jax.nn.relu(wide * factor + offset).astype(x.dtype)

    x = convolve(pixels, encoder.conv_root, stride=2)
    x = max_pool(normalized(x, encoder.gn_root, ROOT_EPSILON))
    shortcut = (x @ encoder.conv_proj[0, 0]).astype(jnp.float32)
    x = normalized(x @ encoder.conv1[0, 0], encoder.gn1, UNIT_EPSILON)
    x = normalized(convolve(x, encoder.conv2), encoder.gn2, UNIT_EPSILON)
    x = (x @ encoder.conv3[0, 0]).astype(jnp.float32)
    shortcut_factor, shortcut_offset = affine(shortcut, encoder.gn_proj, UNIT_EPSILON)
    factor, offset = affine(x, encoder.gn3, UNIT_EPSILON)
    return jax.nn.relu(
        shortcut * shortcut_factor + x * factor + (shortcut_offset + offset)
    ).astype(pixels.dtype)


def normalize(x: Float32[jax.Array, "*rows D"]) -> Float32[jax.Array, "*rows D"]:
    """Layer normalisation without gain and bias, which are folded into what follows.

    Args:
      x: float32 [..., D].

    Returns:
      float32 [..., D] of mean 0 and deviation 1 along the last axis.
    """
    mean = x.mean(axis=-1, keepdims=True)
    variance = (x * x).mean(axis=-1, keepdims=True) - mean * mean
    return (x - mean) * jax.lax.rsqrt(variance + LAYER_NORM_EPSILON)


def multiply(
    x: Float[jax.Array, "*rows inputs"], kernel: Float[jax.Array, "inputs outputs"]
) -> Float32[jax.Array, "*rows outputs"]:
    """Multiply in the kernel's dtype and sum up in float32.

    Args:
      x: Any float dtype, [..., inputs].
      kernel: float32 or bfloat16 [inputs, outputs].

    Returns:
      float32 [..., outputs].
    """
    return jnp.matmul(
        x.astype(kernel.dtype), kernel, preferred_element_type=jnp.float32
    )


def apply_dense(
    x: Float[jax.Array, "*rows inputs"], dense: Dense
) -> Float32[jax.Array, "*rows outputs"]:
    """Return `multiply(x, kernel) + bias`, float32 [..., outputs]."""
    return _add_bias(multiply(x, dense.kernel), dense.bias)


def _add_bias(
    x: Float32[jax.Array, "*rows outputs"], bias: Float32[jax.Array, " outputs"]
) -> Float32[jax.Array, "*rows outputs"]:
    return x + jnp.broadcast_to(bias, x.shape)


def add_residuals(
    x: Float32[jax.Array, "*rows D"],
    attended: Float[jax.Array, "*rows features"],
    residuals: FoldedResiduals,
    *,
    bias_last: bool,
) -> Float32[jax.Array, "*rows D"]:
    """Add what attention found, and then the MLP, to every row.

    Args:
      x: float32 [..., D], the residual stream.
      attended: Any float dtype, [..., D], or [..., H * D] in the last block.
      residuals: The block's parameters.
      bias_last: Whether a bias is added after the product, instead of to it. The two
        orders round differently, and each form keeps its own, so that its scores stay
        what they are to the bit.

    Returns:
      float32 [..., D].
    """

    def add(x: jax.Array, features: jax.Array, dense: Dense) -> jax.Array:
        if bias_last:
            return _add_bias(x + multiply(features, dense.kernel), dense.bias)
        return x + apply_dense(features, dense)

    x = add(x, attended, residuals.out)
    hidden = jax.nn.gelu(apply_dense(normalize(x), residuals.up), approximate=True)
    return add(x, hidden, residuals.down)


def logits_of(
    cls: Float32[jax.Array, "images D"], transformer: FoldedTransformer
) -> Float32[jax.Array, "images outputs"]:
    """Return the logits of CLS rows that have passed all blocks.

    Args:
      cls: float32 [images, D].
      transformer: Of which the last norm and the head are used.

    Returns:
      float32 [images, output_count].
    """
    norm = transformer.norm
    scaled = normalize(cls) * norm.scale[None]
    return apply_dense(_add_bias(scaled, norm.bias), transformer.head)
