"""A small MUSIQ with random parameters: the real architecture, quick to score."""

import functools

import jax
import numpy as np
from flax.traverse_util import flatten_dict

from musiq_core.config import ModelConfig, PreprocessingConfig
from musiq_core.model_files.model_file import write_model_file
from musiq_core.network.model import Musiq
from musiq_core.programs.self_test import reference_scores

TINY = ModelConfig(
    preprocessing=PreprocessingConfig(scales=(64, 96)),
    output_count=5,
    stem_width=32,
    patch_features=64,
    hidden_size=48,
    layer_count=3,
    head_count=4,
    mlp_size=64,
)


@functools.cache
def tiny_model_file(
    config: ModelConfig = TINY, *, name: str = "tiny", self_test_off_by: float = 0.0
) -> bytes:
    parameters = random_parameters(config)
    scores = reference_scores(parameters, config)
    return write_model_file(
        parameters,
        config,
        name=name,
        score_range=(1, 5),
        higher_is_better=True,
        training_data="none: random parameters",
        licence="none",
        source="a test",
        self_test={picture: s + self_test_off_by for picture, s in scores.items()},
    )


@functools.cache
def random_parameters(config: ModelConfig) -> dict[str, np.ndarray]:
    """The starting values with noise on top, so that no layer is without effect."""
    tokens = np.zeros((1, 1), np.int32)
    pixels = np.zeros((1, 1, config.preprocessing.patch_size**2 * 3), np.float32)
    variables = jax.jit(Musiq(config).init)(
        jax.random.key(0), pixels, tokens, tokens, np.ones((1, 1), bool)
    )
    random = np.random.default_rng(0)
    return {
        name: (np.asarray(leaf) + random.normal(0, 0.1, leaf.shape)).astype(np.float32)
        for name, leaf in flatten_dict(variables["params"], sep="/").items()
    }
