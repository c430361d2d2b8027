"""The self-test finds what can go wrong with a model, and nothing else."""

import dataclasses
import hashlib
import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musiq_core.config import ModelConfig, PreprocessingConfig
from musiq_core.images.patches import extract_patches
from musiq_core.model_files.model_file import (
    ModelFileError,
    read_model_file,
    write_model_file,
)
from musiq_core.network.model import parameter_shapes
from musiq_core.programs.bucketed.scorer import BucketedScorer
from musiq_core.programs.packed.scorer import PackedScorer
from musiq_core.programs.self_test import (
    BFLOAT16_TOLERANCE,
    TOLERANCE,
    check_self_test,
    make_pictures,
    reference_scores,
    require_self_test,
    score_pictures,
)

SMALL = ModelConfig(
    preprocessing=PreprocessingConfig(scales=(64, 96)),
    output_count=5,
    stem_width=4,
    patch_features=8,
    group_count=2,
    hidden_size=24,
    layer_count=2,
    head_count=2,
    mlp_size=24,
)
RANDOM = np.random.default_rng(0)
PARAMETERS = {
    name: (RANDOM.normal(0, 0.3, shape) + name.endswith("/scale")).astype(np.float32)
    for name, shape in parameter_shapes(SMALL).items()
}
MODEL = read_model_file(
    write_model_file(
        PARAMETERS,
        SMALL,
        name="small",
        score_range=(1, 5),
        higher_is_better=True,
        training_data="none: random parameters",
        licence="none",
        source="a test",
        self_test=reference_scores(PARAMETERS, SMALL),
    )
)
EXPECTED = MODEL.card.self_test
RANGE = MODEL.card.score_range[1] - MODEL.card.score_range[0]


@pytest.fixture(scope="module")
def scorer() -> PackedScorer:
    return PackedScorer(MODEL)


def largest_distance(scores: dict[str, float]) -> float:
    """From the expected scores, in units of the tolerance."""
    return max(abs(scores[n] - EXPECTED[n]) for n in EXPECTED) / (TOLERANCE * RANGE)


def test_every_machine_makes_the_same_pixels():
    digest = hashlib.sha256()
    for name, pixels in make_pictures().items():
        assert pixels.dtype == np.uint8
        digest.update(name.encode() + repr(pixels.shape).encode() + pixels.tobytes())
    assert digest.hexdigest() == (
        "2d1cb4f672e9a474ef3abab789b4904e92568d2ffc0eb2090990d71035eeaee6"
    )


@pytest.mark.parametrize("scales", [(224, 384), ()])
def test_the_pictures_reach_every_scale_cell_and_way_of_padding(scales):
    config = PreprocessingConfig(scales=scales)
    patches = [extract_patches(p, config) for p in make_pictures().values()]
    assert len(patches) == 8
    seen = {
        p for one in patches for p in zip(one.scale_ids, one.positions, strict=True)
    }
    cells = {(len(scales), cell) for cell in range(config.grid_size**2)}
    if scales:
        cells |= {(1, cell) for cell in range(config.grid_size**2)}
        assert {scale for scale, _ in seen} == {0, 1, 2}
    assert cells <= seen
    sizes = [pixels.shape[:2] for pixels in make_pictures().values()]
    remainders = {side % config.patch_size for size in sizes for side in size}
    assert 0 in remainders
    assert {r % 2 for r in remainders} == {0, 1}
    assert {(h > w) - (h < w) for h, w in sizes} == {-1, 0, 1}


def test_the_packed_program_passes_with_a_tenth_of_the_tolerance(scorer):
    assert largest_distance(score_pictures(scorer)) < 0.1
    check_self_test(scorer, uri="small.safetensors")


def test_the_pictures_have_scores_of_their_own():
    scores = sorted(EXPECTED.values())
    assert min(np.diff(scores)) > TOLERANCE * RANGE


def test_a_self_test_is_no_work_of_the_run(scorer):
    scorer.compile()
    before = scorer.statistics
    check_self_test(scorer, uri="small.safetensors")
    assert scorer.statistics == before


# A key's bias adds the same to a query's products with all keys, which softmax takes
# away again: it has no effect on any score.
WITHOUT_EFFECT = "key/bias"


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_every_perturbed_parameter_is_found(name):
    random = np.random.default_rng(1)
    array = PARAMETERS[name]
    spread = max(float(array.std()), 0.1)
    noise = random.normal(0, 0.2 * spread, array.shape).astype(np.float32)
    scores = reference_scores(PARAMETERS | {name: array + noise}, SMALL)
    if name.endswith(WITHOUT_EFFECT):
        assert largest_distance(scores) < 0.1
    else:
        assert largest_distance(scores) > 1


def swapped(one: str, other: str) -> dict[str, np.ndarray]:
    """The parameters with all arrays below two names exchanged."""
    parameters = dict(PARAMETERS)
    for name, array in PARAMETERS.items():
        for there, here in ((one, other), (other, one)):
            if name.startswith(f"{here}/"):
                parameters[there + name.removeprefix(here)] = array
    return parameters


BLOCK = "Transformer/encoderblock_1"
ATTENTION = f"{BLOCK}/MultiHeadDotProductAttention_1"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Transformer/encoderblock_0", "Transformer/encoderblock_1"),
        (f"{BLOCK}/LayerNorm_0", f"{BLOCK}/LayerNorm_2"),
        (f"{ATTENTION}/query", f"{ATTENTION}/key"),
        (f"{ATTENTION}/key", f"{ATTENTION}/value"),
        ("block1/unit1/gn1", "block1/unit1/gn2"),
    ],
)
def test_every_swapped_layer_is_found(one, other):
    parameters = swapped(one, other)
    assert parameters.keys() == PARAMETERS.keys()
    assert largest_distance(reference_scores(parameters, SMALL)) > 1


@pytest.mark.parametrize("scales", [(64, 97), (63, 96)])
def test_other_scales_are_found(scales):
    preprocessing = dataclasses.replace(SMALL.preprocessing, scales=scales)
    config = dataclasses.replace(SMALL, preprocessing=preprocessing)
    assert largest_distance(reference_scores(PARAMETERS, config)) > 1


@pytest.mark.parametrize(
    "prepare",
    [
        lambda pixels: pixels[..., ::-1],
        lambda pixels: pixels[::-1],
        lambda pixels: pixels[:, ::-1],
        lambda pixels: pixels.swapaxes(0, 1),
        lambda pixels: pixels[:-1, :-1],
    ],
    ids=["BGR", "upside down", "mirrored", "transposed", "cropped"],
)
def test_other_pixels_are_found(scorer, prepare):
    pictures = [prepare(pixels) for pixels in make_pictures().values()]
    patches = [extract_patches(pixels, SMALL.preprocessing) for pixels in pictures]
    scores = [score.value for score in scorer.score(patches)]
    assert largest_distance(dict(zip(make_pictures(), scores, strict=True))) > 1


@given(
    st.sampled_from(sorted(EXPECTED)),
    st.floats(-3, 3).filter(lambda shift: abs(abs(shift) - 1) > 0.01),
)
@settings(max_examples=100, deadline=None)
def test_a_score_counts_as_met_within_the_tolerance_alone(picture, shift):
    found = EXPECTED | {picture: EXPECTED[picture] + shift * 0.01}
    if abs(shift) < 1:
        require_self_test(found, EXPECTED, tolerance=0.01, model="m")
        return
    with pytest.raises(ModelFileError, match=f"picture '{picture}' scores"):
        require_self_test(found, EXPECTED, tolerance=0.01, model="m")


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_never_met(score):
    with pytest.raises(ModelFileError, match="picture 'rings' scores"):
        require_self_test(
            EXPECTED | {"rings": score}, EXPECTED, tolerance=1e9, model="m"
        )


def test_a_refusal_names_the_file_the_picture_and_both_scores():
    with pytest.raises(ModelFileError) as error:
        require_self_test(
            {"a": 1.0, "b": 2.5}, {"a": 1.0, "b": 2.0}, tolerance=0.01, model="m.safe"
        )
    assert str(error.value).startswith(
        "m.safe fails its self-test: picture 'b' scores 2.5, the file promises 2 "
        "within 0.01; make it again"
    )


def test_other_pictures_are_named():
    others = {("sea" if name == "rings" else name): s for name, s in EXPECTED.items()}
    with pytest.raises(ModelFileError, match=r"than this program has \(rings, sea\)"):
        require_self_test(EXPECTED, others, tolerance=1, model="m")


@pytest.mark.parametrize("picture", sorted(EXPECTED))
def test_each_tampered_promise_is_found(scorer, monkeypatch, picture):
    promised = EXPECTED | {picture: EXPECTED[picture] + 2 * TOLERANCE * RANGE}
    card = dataclasses.replace(MODEL.card, self_test=promised)
    monkeypatch.setattr(scorer, "model", dataclasses.replace(MODEL, card=card))
    with pytest.raises(ModelFileError, match=f"picture '{picture}' scores"):
        check_self_test(scorer, uri="small.safetensors")


def test_a_scorer_for_accelerators_passes_with_its_own_tolerance():
    bucketed = BucketedScorer(MODEL, jnp.bfloat16)
    check_self_test(bucketed, uri="small.safetensors", tolerance=BFLOAT16_TOLERANCE)


def test_a_file_without_a_self_test_has_nothing_to_meet():
    bare = dataclasses.replace(MODEL.card, self_test={})
    check_self_test(PackedScorer(dataclasses.replace(MODEL, card=bare)), uri="x")
