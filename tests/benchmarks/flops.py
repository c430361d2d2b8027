"""Useful floating-point operations of one image: what any implementation must do."""

from musiq_core.config import ModelConfig


def flops_of(token_count: int, config: ModelConfig) -> float:
    """Multiply-adds count twice; the last layer counts for the CLS row alone.

    Norms, activations, softmax and table look-ups are left out (below 2 %).
    """
    patch = config.preprocessing.patch_size
    root = (patch // 2) ** 2 * 7 * 7 * 3 * config.stem_width
    width, features = config.stem_width, config.patch_features
    unit = width * width + 9 * width * width + 2 * width * features
    embedding = (patch // 4) ** 2 * features * config.hidden_size
    trunk = root + (patch // 4) ** 2 * unit + embedding

    rows, hidden = token_count + 1, config.hidden_size
    dense = 4 * hidden * hidden + 2 * hidden * config.mlp_size
    layer = rows * dense + 2 * rows * rows * hidden
    cls_layer = dense + 4 * hidden * hidden + 2 * config.head_count * rows * hidden
    multiply_adds = token_count * trunk + (config.layer_count - 1) * layer + cls_layer
    return 2.0 * multiply_adds
