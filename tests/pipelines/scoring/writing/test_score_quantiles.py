import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scoring.writing.score_quantiles import sample_scores, score_quantiles

scores = st.lists(st.floats(0, 100), max_size=40)


@given(st.lists(scores, max_size=5))
def test_shards_together_have_the_quantiles_of_all_their_scores(shards):
    quantiles = score_quantiles([sample_scores(shard) for shard in shards])
    together = sorted(value for shard in shards for value in shard)
    if not together:
        assert quantiles == {}
        return
    assert quantiles["0.0"] == together[0]
    assert quantiles["1.0"] == together[-1]
    assert quantiles["0.5"] in together
    below = sum(value < quantiles["0.5"] for value in together)
    assert below <= len(together) / 2


def test_many_scores_are_thinned_out_without_moving_the_quantiles():
    random = np.random.default_rng(0)
    few, many = random.normal(0, 1, 500), random.normal(5, 1, 200_000)
    samples = [sample_scores(few), sample_scores(many)]
    assert max(len(sample.values) for sample in samples) == 10_000
    quantiles = score_quantiles(samples)
    exact = np.concatenate([few, many])
    assert quantiles["0.5"] == pytest.approx(np.quantile(exact, 0.5), abs=1e-3)
    assert quantiles["0.01"] == pytest.approx(np.quantile(exact, 0.01), abs=1e-2)
    assert (quantiles["0.0"], quantiles["1.0"]) == (exact.min(), exact.max())
