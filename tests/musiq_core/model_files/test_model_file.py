import json

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from musiq_core.config import ModelConfig, PreprocessingConfig
from musiq_core.model_files.model_file import (
    ModelFileError,
    read_model_file,
    write_model_file,
)
from musiq_core.network.model import parameter_shapes
from schemas.model_card import ModelCardError

CONFIG = ModelConfig(
    preprocessing=PreprocessingConfig(scales=(64,), patch_size=8, grid_size=2),
    stem_width=4,
    patch_features=4,
    group_count=2,
    hidden_size=4,
    layer_count=1,
    head_count=2,
    mlp_size=4,
)
CARD = {
    "name": "tiny",
    "score_range": (0, 1),
    "higher_is_better": True,
    "training_data": "generated",
    "licence": "none",
    "source": "a test",
}


def parameters():
    random = np.random.default_rng(0)
    return {
        name: random.normal(size=shape).astype(np.float32)
        for name, shape in parameter_shapes(CONFIG).items()
    }


DATA = write_model_file(parameters(), CONFIG, **CARD)


def test_what_was_written_is_read():
    model = read_model_file(DATA)
    assert model.config == CONFIG
    assert model.card.name == "tiny"
    assert model.card.preprocessing["scales"] == [64]
    assert len(model.digest) == 64
    for name, array in parameters().items():
        np.testing.assert_array_equal(model.parameters[name], array)


def test_the_same_parameters_give_the_same_bytes():
    backwards = dict(reversed(parameters().items()))
    assert write_model_file(backwards, CONFIG, **CARD) == DATA


def test_other_tools_can_read_the_parameters():
    assert safetensors.numpy.load(DATA).keys() == parameters().keys()


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
@settings(max_examples=200, deadline=None)
def test_every_changed_byte_is_found(place, change):
    damaged = bytearray(DATA)
    damaged[place] ^= change
    with pytest.raises(ModelFileError):
        read_model_file(bytes(damaged))


@given(st.integers(0, len(DATA) - 1))
@settings(max_examples=200, deadline=None)
def test_every_cut_is_found(size):
    with pytest.raises(ModelFileError):
        read_model_file(DATA[:size])


def test_damage_is_told_with_both_digests():
    damaged = DATA[:-1] + bytes([DATA[-1] ^ 1])
    digest = read_model_file(DATA).digest
    with pytest.raises(ModelFileError, match=f"promises SHA-256 {digest}, its bytes"):
        read_model_file(damaged)


def test_half_a_file_and_other_files_are_told_apart():
    with pytest.raises(ModelFileError, match="too few for its header"):
        read_model_file(b"PK\x03\x04 this is an .npz")
    plain = safetensors.numpy.save({"a": np.zeros(2, np.float32)})
    with pytest.raises(ModelFileError, match="no readable musiq model card"):
        read_model_file(plain)


def without(name):
    return {key: array for key, array in parameters().items() if key != name}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (without("head/bias"), "missing head/bias"),
        (parameters() | {"tail/bias": np.zeros(1, np.float32)}, "unknown tail/bias"),
        (
            parameters() | {"head/bias": np.zeros(2, np.float32)},
            r"head/bias has shape \[2\], expected \[1\]",
        ),
        ({}, r"missing .* and \d+ more"),
    ],
)
def test_parameters_that_do_not_fit_are_named(wrong, message):
    with pytest.raises(ModelFileError, match=message):
        write_model_file(wrong, CONFIG, **CARD)


def signed(card: dict, arrays: dict) -> bytes:
    """A file with any card and a right digest."""
    import hashlib

    mark = "musiq-sha256:"
    header = json.dumps({"card": json.dumps(card), "digest": mark + "0" * 64})
    data = safetensors.numpy.save(arrays, {"musiq": header})
    digest = hashlib.sha256(data).hexdigest()
    return data.replace((mark + "0" * 64).encode(), (mark + digest).encode())


def card_fields() -> dict:
    return json.loads(read_model_file(DATA).card.to_json())


def test_a_right_digest_does_not_excuse_a_wrong_structure():
    with pytest.raises(ModelFileError, match="missing head/bias"):
        read_model_file(signed(card_fields(), without("head/bias")))
    halves = {k: a.astype(np.float16) for k, a in parameters().items()}
    with pytest.raises(ModelFileError, match="not float32"):
        read_model_file(signed(card_fields(), halves))


def test_a_file_of_the_first_format_is_read_as_one_without_a_self_test():
    fields = card_fields() | {"format": "musiq-model/1"}
    del fields["self_test"]
    model = read_model_file(signed(fields, parameters()))
    assert model.card == read_model_file(DATA).card
    assert model.card.self_test == {}


def test_a_self_test_comes_back_to_the_last_digit():
    scores = {"sea": 1 / 3, "sky": 55.123456789012345}
    data = write_model_file(parameters(), CONFIG, **CARD, self_test=scores)
    assert read_model_file(data).card.self_test == scores


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "musiq-model/9"}, "format 'musiq-model/9'"),
        ({"mood": "good"}, "missing or unknown fields: mood"),
        ({"self_test": [1, 2]}, r"self_test must be a table, got \[1, 2\]"),
        ({"self_test": {"sea": "low"}}, "self_test.sea must be a number, got 'low'"),
        ({"self_test": {"sea": float("nan")}}, "must be a finite number, got nan"),
        ({"score_range": [1, 1]}, "score_range must ascend"),
        ({"name": "No Good"}, "must consist of a-z"),
        ({"architecture": {"layer_count": 0}}, "layer_count must be at least 1"),
        ({"architecture": {"colour": 1}}, "colour"),
    ],
)
def test_a_wrong_card_is_told(change, message):
    with pytest.raises(ModelFileError, match=message):
        read_model_file(signed(card_fields() | change, parameters()))


def test_a_model_name_must_be_able_to_name_a_column():
    with pytest.raises(ModelCardError, match="'Über' must consist of a-z"):
        write_model_file(parameters(), CONFIG, **(CARD | {"name": "Über"}))
