import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scoring.writing.score_quantiles import (
    sample_scores,
    sample_size,
    score_quantiles,
)

scores = st.lists(st.floats(0, 100), max_size=40)


@given(st.lists(scores, max_size=5))
def test_shards_together_have_the_quantiles_of_all_their_scores(shards):
    quantiles = score_quantiles(
        [sample_scores(shard, shard_count=len(shards)) for shard in shards]
    )
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
    samples = [sample_scores(scores, shard_count=2) for scores in (few, many)]
    assert max(len(sample.values) for sample in samples) == 10_000
    quantiles = score_quantiles(samples)
    exact = np.concatenate([few, many])
    assert quantiles["0.5"] == pytest.approx(np.quantile(exact, 0.5), abs=1e-3)
    assert quantiles["0.01"] == pytest.approx(np.quantile(exact, 0.01), abs=1e-2)
    assert (quantiles["0.0"], quantiles["1.0"]) == (exact.min(), exact.max())


def test_what_publishing_holds_of_all_shards_is_bounded():
    for shard_count in (2**power for power in range(22)):
        size = sample_size(shard_count)
        assert 2 <= size <= 10_000
        assert size * shard_count <= 4_000_000 or size == 2
    assert sample_size(256) == 10_000


def test_thin_samples_of_many_shards_have_the_quantiles_of_all_scores():
    random = np.random.default_rng(0)
    shards = random.normal(0, 1, (16_384, 300))
    samples = [sample_scores(shard, shard_count=16_384) for shard in shards]
    assert {len(sample.values) for sample in samples} == {244}
    quantiles = score_quantiles(samples)
    for level in (0.01, 0.05, 0.5, 0.95, 0.99):
        found = np.mean(shards <= quantiles[str(level)])
        assert found == pytest.approx(level, abs=1e-3), level
    assert (quantiles["0.0"], quantiles["1.0"]) == (shards.min(), shards.max())
