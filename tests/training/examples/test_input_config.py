"""An input configuration that contradicts itself cannot exist."""

import pytest

from musiq_core.config import PreprocessingConfig
from training.examples.input_config import InputConfig


def test_the_published_sequence_has_705_tokens():
    assert InputConfig().token_count == 705


def test_fewer_tokens_make_a_shorter_sequence():
    config = InputConfig(
        preprocessing=PreprocessingConfig(scales=(224,)),
        max_native_tokens=20,
        max_resized_tokens=12,
    )
    assert config.token_count == 32


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"max_native_tokens": 0}, "max_native_tokens must be at least 1"),
        ({"max_resized_tokens": 0}, "max_resized_tokens must be at least 1"),
        ({"token_choice": "best"}, "token_choice must be one of first, random"),
        ({"crop_min_area": 0.0}, "crop_min_area must be in"),
        ({"crop_min_area": 1.5}, "crop_min_area must be in"),
        ({"randaugment_ops": -1}, "randaugment_ops must be at least 0"),
        ({"mixup_alpha": float("nan")}, "mixup_alpha must be at least 0"),
        ({"mixup_alpha": 0.2}, "mixup_alpha needs crop_min_area"),
    ],
)
def test_what_makes_no_sense_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        InputConfig(**fields)
