"""The packed program is the Linen model, and batch mates do not matter."""

import jax
import numpy as np
import pytest
from helpers.golden_models import VARIANTS, golden_patches, image_names, mode_of
from helpers.make_images import noise
from helpers.shared_data import golden
from helpers.tiny_models import TINY, tiny_model_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musiq_core.images.patches import extract_patches
from musiq_core.model_files.model_file import read_model_file
from musiq_core.network.model import Musiq
from musiq_core.programs.packed.layout import CAPACITIES, MAX_IMAGES
from musiq_core.programs.packed.loops import ROW_TAIL
from musiq_core.programs.packed.scorer import PackedScorer


@pytest.fixture(scope="module")
def tiny_scorer() -> PackedScorer:
    return PackedScorer(read_model_file(tiny_model_file()))


@pytest.mark.parametrize("dct", ["fast", "accurate"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_scores_equal_the_published_ones(variant, dct, golden_scorer):
    names = image_names()
    images = [golden_patches(name, mode_of(variant), dct) for name in names]
    for name, score in zip(names, golden_scorer(variant).score(images), strict=True):
        accurate = f"{name}/{variant}_islow/score"
        key = accurate if dct == "accurate" and accurate in golden() else None
        published = float(golden()[key or f"{name}/{variant}/score"])
        assert abs(score.value - published) < 5e-5, name


def test_the_packed_program_equals_the_linen_model(tiny_scorer):
    model = tiny_scorer.model
    sizes = [(40, 70), (7, 500), (450, 450)]
    images = [extract_patches(noise(*s), TINY.preprocessing) for s in sizes]
    for patches, score in zip(images, tiny_scorer.score(images), strict=True):
        logits = jax.jit(Musiq(model.config).apply)(
            model.variables,
            patches.normalized()[None],
            patches.positions[None],
            patches.scale_ids[None],
            np.ones((1, patches.token_count), bool),
        )
        probabilities = jax.nn.softmax(np.asarray(logits)[0])
        np.testing.assert_allclose(score.distribution, probabilities, atol=1e-5)


@given(
    st.lists(
        st.tuples(st.integers(8, 200), st.integers(8, 200)), min_size=1, max_size=50
    ),
    st.randoms(use_true_random=False),
)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_company_and_order_do_not_change_a_score(tiny_scorer, sizes, random):
    images = [
        extract_patches(noise(*size, seed), TINY.preprocessing)
        for seed, size in enumerate(sizes)
    ]
    together = [score.value for score in tiny_scorer.score(images)]
    order = list(range(len(images)))
    random.shuffle(order)
    shuffled = tiny_scorer.score([images[index] for index in order])
    for index, score in zip(order, shuffled, strict=True):
        assert abs(score.value - together[index]) < 1e-5
    first = random.choice(order)
    [alone] = tiny_scorer.score([images[first]])
    assert abs(alone.value - together[first]) < 1e-5


def test_another_capacity_does_not_change_a_score(golden_scorer):
    scorer = golden_scorer("multi_1")
    name = image_names()[2]
    patches = golden_patches(name, "multi")
    [alone] = scorer.score([patches])
    copies = CAPACITIES[0] // patches.token_count + 1
    for score in scorer.score([patches] * copies):
        assert abs(score.value - alone.value) < 1e-5


def test_two_capacities_need_three_compilations_and_padding_is_a_tail():
    scorer = PackedScorer(read_model_file(tiny_model_file()))
    scorer.compile()
    small = extract_patches(noise(100, 100), TINY.preprocessing)
    rows = small.token_count + 1
    scorer.score([small])
    scorer.score([small] * MAX_IMAGES)
    computed = sum(-(-r // ROW_TAIL) * ROW_TAIL for r in (2, rows, rows * MAX_IMAGES))
    assert rows * MAX_IMAGES <= CAPACITIES[0]
    assert scorer.statistics.computed_tokens == computed
    assert scorer.statistics.compilations == 2
    large = extract_patches(noise(2100, 2100), TINY.preprocessing)
    scorer.score([large])
    assert scorer.statistics.compilations == 3
    assert scorer.statistics.images == MAX_IMAGES + 2


def test_more_than_a_packed_sequence_holds_is_refused(tiny_scorer):
    small = extract_patches(noise(8, 8), TINY.preprocessing)
    with pytest.raises(ValueError, match=f"at most {MAX_IMAGES} images"):
        tiny_scorer.score([small] * (MAX_IMAGES + 1))
