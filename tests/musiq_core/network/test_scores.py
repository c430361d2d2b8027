import numpy as np
import pytest

from musiq_core.network.scores import is_finite, score_from_logits
from schemas.ledger import Score


def test_one_output_is_the_score_itself():
    assert score_from_logits(np.array([61.5], np.float32)) == Score(value=61.5)


def test_many_outputs_are_a_distribution_over_one_to_n():
    probabilities = np.array([0.1, 0.2, 0.7])
    score = score_from_logits(np.log(probabilities).astype(np.float32))
    np.testing.assert_allclose(score.distribution, probabilities, rtol=1e-6)
    assert score.value == pytest.approx(2.6)
    assert score.std == pytest.approx(
        np.sqrt(0.1 * 1.6**2 + 0.2 * 0.6**2 + 0.7 * 0.4**2)
    )


def test_huge_logits_do_not_overflow():
    score = score_from_logits(np.array([0, 3e4], np.float32))
    assert score.value == 2
    assert is_finite(score)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("outputs", [1, 3])
def test_non_finite_logits_are_told(bad, outputs):
    with np.errstate(invalid="ignore"):
        assert not is_finite(score_from_logits(np.full(outputs, bad, np.float32)))
