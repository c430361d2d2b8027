import pytest

from musiq_core.config import ModelConfig, PreprocessingConfig, published_config


@pytest.mark.parametrize("scales", [(384, 224), (224, 224), (0, 5), (-1,)])
def test_scales_must_ascend_and_be_positive(scales):
    with pytest.raises(ValueError, match="scales must be positive and ascend"):
        PreprocessingConfig(scales=scales)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hidden_size": 100}, "head_count 6 must divide hidden_size 100"),
        ({"stem_width": 48}, "group_count 32 must divide stem_width 48"),
        ({"layer_count": 0}, "layer_count must be at least 1"),
        ({"preprocessing": PreprocessingConfig(patch_size=30)}, "multiple of 4"),
    ],
)
def test_impossible_architectures_cannot_be_made(fields, message):
    with pytest.raises(ValueError, match=message):
        ModelConfig(**fields)


def test_the_published_sizes_are_the_defaults():
    assert published_config() == ModelConfig()
    assert published_config(scales=()).preprocessing.scale_count == 1
