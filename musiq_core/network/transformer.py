"""The Transformer over the tokens of all scales, with a CLS token in front.

Shape letters: B images, L tokens, D hidden size.
"""

import functools
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Bool, Float, Int32

from musiq_core.config import ModelConfig

_Array = jax.Array | np.ndarray
_Tokens = Float[jax.Array, "B L D"]

LAYER_NORM_EPSILON = 1e-6
_EMBEDDING_INIT = nn.initializers.normal(stddev=0.02)


class EmbeddingTable(nn.Module):
    """Adds one row of a learned table to every token."""

    rows: int
    table_name: str

    @nn.compact
    def __call__(self, x_BxLxD: _Tokens, rows_BxL: Int32[_Array, "B L"]) -> _Tokens:
        """Add table row `rows_BxL[b, l]` to token l of image b."""
        shape = (1, self.rows, x_BxLxD.shape[-1])
        table = self.param(self.table_name, _EMBEDDING_INIT, shape)
        return x_BxLxD + table[0][rows_BxL]


class MlpBlock(nn.Module):
    """Two dense layers with the tanh form of GELU between them."""

    mlp_size: int

    @nn.compact
    def __call__(self, x_BxLxD: _Tokens) -> _Tokens:
        """Map [B, L, D] to [B, L, D]."""
        dense = functools.partial(
            nn.Dense,
            kernel_init=nn.initializers.xavier_uniform(),
            bias_init=nn.initializers.normal(stddev=1e-6),
        )
        hidden = dense(self.mlp_size, name="Dense_0")(x_BxLxD)
        hidden = nn.gelu(hidden, approximate=True)
        return dense(x_BxLxD.shape[-1], name="Dense_1")(hidden)


class EncoderBlock(nn.Module):
    """Pre-norm block; the odd names are those of the published parameters."""

    config: ModelConfig

    @nn.compact
    def __call__(self, x_BxLxD: _Tokens, mask_BxL: Bool[jax.Array, "B L"]) -> _Tokens:
        """Map [B, L, D] to [B, L, D]; masked tokens are seen by no query."""
        x = nn.LayerNorm(epsilon=LAYER_NORM_EPSILON, name="LayerNorm_0")(x_BxLxD)
        attention = nn.MultiHeadDotProductAttention(
            num_heads=self.config.head_count,
            kernel_init=nn.initializers.xavier_uniform(),
            name="MultiHeadDotProductAttention_1",
        )
        x = cast(jax.Array, attention(x, mask=mask_BxL[:, None, None, :]))
        x_BxLxD = x_BxLxD + x
        x = nn.LayerNorm(epsilon=LAYER_NORM_EPSILON, name="LayerNorm_2")(x_BxLxD)
        return x_BxLxD + MlpBlock(self.config.mlp_size, name="MlpBlock_3")(x)


class Encoder(nn.Module):
    """Adds spatial and scale embeddings, puts CLS in front and applies the blocks."""

    config: ModelConfig

    @nn.compact
    def __call__(
        self,
        x_BxLxD: _Tokens,
        positions_BxL: Int32[_Array, "B L"],
        scale_ids_BxL: Int32[_Array, "B L"],
        mask_BxL: Bool[_Array, "B L"],
    ) -> Float[jax.Array, "B D"]:
        """Map token embeddings to the normalised CLS row, [B, D]."""
        preprocessing = self.config.preprocessing
        x = EmbeddingTable(
            preprocessing.grid_size**2, "pos_embedding", name="posembed_input"
        )(x_BxLxD, positions_BxL)
        x = EmbeddingTable(
            preprocessing.scale_count, "scale_embedding", name="scaleembed_input"
        )(x, scale_ids_BxL)
        cls = self.param("cls", nn.initializers.zeros, (1, 1, x.shape[-1]))
        x = jnp.concatenate([jnp.tile(cls, (len(x), 1, 1)), x], axis=1)
        mask_BxL = jnp.pad(mask_BxL, ((0, 0), (1, 0)), constant_values=True)
        for layer in range(self.config.layer_count):
            x = EncoderBlock(self.config, name=f"encoderblock_{layer}")(x, mask_BxL)
        x = nn.LayerNorm(epsilon=LAYER_NORM_EPSILON, name="encoder_norm")(x)
        return x[:, 0]
