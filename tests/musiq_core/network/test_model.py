import jax
import numpy as np
import pytest
from helpers.golden_models import (
    VARIANTS,
    golden_patches,
    image_names,
    layout,
    mode_of,
)
from helpers.shared_data import golden

from musiq_core.config import ModelConfig, PreprocessingConfig
from musiq_core.network.model import Musiq, parameter_shapes
from musiq_core.network.scores import score_from_logits

_PARTS = {
    "conv_root": "conv_root",
    "gn_root": "gn_root",
    "patch_encoder": "block1/unit1",
    "embedding": "embedding",
    "after_pos_and_scale": "Transformer/scaleembed_input",
    "block_0_ln0": "Transformer/encoderblock_0/LayerNorm_0",
    "block_0_attn": "Transformer/encoderblock_0/MultiHeadDotProductAttention_1",
    "block_0_ln2": "Transformer/encoderblock_0/LayerNorm_2",
    "block_0_mlp": "Transformer/encoderblock_0/MlpBlock_3",
    "encoder_norm": "Transformer/encoder_norm",
    **{f"block_{i}": f"Transformer/encoderblock_{i}" for i in range(14)},
}


def inputs_of(patches):
    mask = np.ones((1, patches.token_count), bool)
    return (
        patches.normalized()[None],
        patches.positions[None],
        patches.scale_ids[None],
        mask,
    )


@pytest.fixture(scope="module")
def activations(golden_model):
    model = golden_model("multi_1")
    patches = golden_patches(str(golden()["debug_name"]), "multi")
    _, captured = Musiq(model.config).apply(
        model.variables, *inputs_of(patches), capture_intermediates=True
    )
    return captured["intermediates"]


@pytest.mark.parametrize("stage", _PARTS)
def test_activations_equal_the_published_ones(activations, stage):
    node = activations
    for part in _PARTS[stage].split("/"):
        node = node[part]
    values = np.asarray(node["__call__"][0])
    values = values.reshape(golden()[f"debug/{stage}/shape"])
    sample = values.ravel()[golden()[f"debug/{stage}/sample_idx"]]
    np.testing.assert_allclose(sample, golden()[f"debug/{stage}/sample"], atol=2e-4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_parameters_have_the_published_names_and_shapes(variant, golden_model):
    shapes = parameter_shapes(golden_model(variant).config)
    published = {f"opt/target/{name}": list(shape) for name, shape in shapes.items()}
    assert published == layout()[variant]["shapes"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_linen_model_gives_the_published_scores(variant, golden_model):
    model = golden_model(variant)
    name = image_names()[0]
    patches = golden_patches(name, mode_of(variant))
    logits = Musiq(model.config).apply(model.variables, *inputs_of(patches))
    score = score_from_logits(np.asarray(logits)[0])
    assert abs(score.value - float(golden()[f"{name}/{variant}/score"])) < 5e-5


def test_padding_does_not_change_the_logits(golden_model):
    model = golden_model("multi_1")
    inputs = inputs_of(golden_patches(image_names()[3], "multi"))
    padded = [np.pad(x, [(0, 0), (0, 7)] + [(0, 0)] * (x.ndim - 2)) for x in inputs]
    padded[0][:, -7:] = 0.5
    musiq = Musiq(model.config)
    plain = musiq.apply(model.variables, *inputs)
    np.testing.assert_allclose(musiq.apply(model.variables, *padded), plain, atol=1e-5)


def test_every_config_field_reaches_the_network():
    config = ModelConfig(
        preprocessing=PreprocessingConfig(scales=(64,), patch_size=16, grid_size=4),
        output_count=3,
        stem_width=8,
        patch_features=16,
        group_count=4,
        hidden_size=24,
        layer_count=2,
        head_count=3,
        mlp_size=20,
    )
    shapes = parameter_shapes(config)
    assert shapes["conv_root/kernel"] == (7, 7, 3, 8)
    assert shapes["block1/unit1/conv3/kernel"] == (1, 1, 8, 16)
    assert shapes["embedding/kernel"] == (4 * 4 * 16, 24)
    assert shapes["Transformer/posembed_input/pos_embedding"] == (1, 16, 24)
    assert shapes["Transformer/scaleembed_input/scale_embedding"] == (1, 2, 24)
    query = "Transformer/encoderblock_1/MultiHeadDotProductAttention_1/query/kernel"
    assert shapes[query] == (24, 3, 8)
    assert shapes["Transformer/encoderblock_1/MlpBlock_3/Dense_0/kernel"] == (24, 20)
    assert shapes["head/kernel"] == (24, 3)
    assert not any("encoderblock_2" in name for name in shapes)


def test_a_new_model_scores_zero_until_it_is_trained():
    config = ModelConfig(
        stem_width=32, patch_features=32, hidden_size=12, head_count=2, layer_count=1
    )
    pixels = np.zeros((1, 2, 32 * 32 * 3), np.float32)
    tokens = np.zeros((1, 2), np.int32)
    mask = np.ones((1, 2), bool)
    musiq = Musiq(config)
    variables = jax.jit(musiq.init)(jax.random.key(0), pixels, tokens, tokens, mask)
    assert np.asarray(musiq.apply(variables, pixels, tokens, tokens, mask)) == 0
