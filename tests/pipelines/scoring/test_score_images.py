"""Fetch, prepare and score as pure functions."""

import dataclasses
import functools

import numpy as np
import pytest
from helpers.make_images import encoded, noise
from helpers.tiny_models import TINY, random_parameters, tiny_model_file

from musiq_core.config import PreprocessingConfig
from musiq_core.images import preparation
from musiq_core.images.preparation import PreparationConfig, prepare
from musiq_core.model_files.model_file import read_model_file
from musiq_core.programs.packed.scorer import PackedScorer
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.reading.fetch import FetchedImage, fetch_image
from pipelines.scoring.reading.prepare import PreparedImage, prepare_image
from pipelines.scoring.score import score_batch
from schemas.failures import Failure
from schemas.ledger import LedgerRow

ROW = LedgerRow(uri="/a.png", key="a.png")
SINGLE = dataclasses.replace(TINY, preprocessing=PreprocessingConfig(scales=()))


def prepared(data: bytes, *preprocessings: PreprocessingConfig):
    config = PreparationConfig(preprocessings=preprocessings or (TINY.preprocessing,))
    return prepare_image(
        FetchedImage(row=ROW, data=data), functools.partial(prepare, config=config)
    )


def test_a_missing_file_is_a_failed_row_with_its_reason(tmp_path):
    ref = ImageRef(uri=str(tmp_path / "absent.jpg"), key="absent.jpg", order=(0, 0))
    row = fetch_image(ref, max_file_bytes=100)
    assert isinstance(row, LedgerRow)
    assert row.failure == "not_found"
    assert row.failure_detail == "No such file or directory"


def test_a_refused_name_is_never_opened():
    refusal = (Failure.FORBIDDEN_URI, "http:// is not read")
    ref = ImageRef(uri="http://h/x", key="x", order=(0, 0), refusal=refusal)
    assert fetch_image(ref, max_file_bytes=100).failure == "forbidden_uri"


def test_a_shape_that_fails_keeps_the_facts_found_before():
    row = prepared(encoded(noise(1, 1000)))
    assert row.failure == "unsupported_shape"
    assert (row.format, row.width, row.height) == ("PNG", 1000, 1)
    assert row.scores == ()


def test_more_tokens_than_can_be_scored_are_too_large(monkeypatch):
    monkeypatch.setattr(preparation, "LARGEST_TOKEN_COUNT", 10)
    row = prepared(encoded(noise(100, 100)))
    assert row.failure == "too_large"
    assert "100 x 100 pixels make 29 tokens, at most 10" in row.failure_detail


def test_each_model_sees_its_own_form_of_the_patches():
    data = encoded(noise(70, 90))
    models = [
        read_model_file(tiny_model_file(config, name=name))
        for config, name in ((TINY, "multi"), (SINGLE, "single"))
    ]
    scorers = [PackedScorer(model) for model in models]
    image = prepared(data, TINY.preprocessing, SINGLE.preprocessing)
    assert isinstance(image, PreparedImage)
    assert image.row.tokens == image.token_count == image.patches[0].token_count
    [row] = score_batch([image], scorers)
    for index, scorer in enumerate(scorers):
        [alone] = scorer.score([image.patches[index]])
        assert row.scores[index].value == pytest.approx(alone.value, abs=1e-6)


def test_a_score_that_is_not_finite_fails_its_own_image_alone():
    model = read_model_file(tiny_model_file())
    scorer = PackedScorer(model)
    good, bad = prepared(encoded(noise(40, 40))), prepared(encoded(noise(50, 50)))
    bad.patches[0].resized[:] = np.nan
    scored, failed, again = score_batch([good, bad, good], [scorer])
    assert scored.failure is None
    assert again.scores[0].value == pytest.approx(scored.scores[0].value, abs=1e-6)
    assert failed.failure == "bad_score"
    assert failed.scores == ()


def test_random_parameters_leave_no_layer_without_effect():
    assert all(np.abs(array).sum() > 0 for array in random_parameters(TINY).values())


@pytest.mark.parametrize("size", [1, 7, 64])
def test_an_image_that_makes_the_model_raise_fails_alone(monkeypatch, size):
    scorer = PackedScorer(read_model_file(tiny_model_file()))
    images = [prepared(encoded(noise(40, 40, seed))) for seed in range(size)]
    poison = images[size // 2].patches[0]
    scored = [score.value for score in scorer.score([i.patches[0] for i in images])]
    plain_start = scorer.start

    def start(batch):
        if any(patches is poison for patches in batch):
            raise ArithmeticError("poison")
        return plain_start(batch)

    monkeypatch.setattr(scorer, "start", start)
    rows = score_batch(images, [scorer])
    assert [row.failure for row in rows].count("internal") == 1
    assert rows[size // 2].failure_detail == "the model raised ArithmeticError"
    for row, value in zip(rows, scored, strict=True):
        if row.failure is None:
            assert row.scores[0].value == pytest.approx(value, abs=1e-6)
