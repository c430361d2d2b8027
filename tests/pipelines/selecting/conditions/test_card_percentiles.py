"""Percentiles of a model's card are those of the file that scored, or one line."""

from fractions import Fraction
from pathlib import Path

import pytest
from helpers.given_ledger import given_ledger

from musiq_core.model_files.model_file import read_model_file, write_model_file
from pipelines import open_ledger
from pipelines.selecting.conditions.card_percentiles import card_percentile
from pipelines.selecting.errors import SelectionError

QUANTILES = {"0.0": 1.5, "0.5": 3.0, "0.95": 4.25}
FIXTURES = Path(__file__).parents[3] / "fixtures"


def model_file(evaluation: dict) -> bytes:
    """A small model whose card has this evaluation."""
    model = read_model_file((FIXTURES / "micro-2.safetensors").read_bytes())
    return write_model_file(
        model.parameters,
        model.config,
        name="tiny",
        score_range=(1, 5),
        higher_is_better=True,
        training_data="none",
        licence="none",
        source="a test",
        evaluation=evaluation,
    )


@pytest.fixture
def ledger(tmp_path, request):
    evaluation = getattr(request, "param", {"test": {"score_quantiles": QUANTILES}})
    data = model_file(evaluation)
    file = tmp_path / "tiny.safetensors"
    file.write_bytes(data)
    facts = {"uri": str(file), "digest": read_model_file(data).digest}
    rows = [{"musiq_tiny": float(n)} for n in range(6)]
    return given_ledger(tmp_path / "ledger", rows, models={"tiny": facts})


def test_a_bound_is_taken_from_the_card(ledger):
    selection = open_ledger(ledger).select(
        min={"tiny": "card:p50"}, max={"tiny": "p99"}
    )
    assert [one.value for one in selection.thresholds] == [3.0, 5.0]
    assert selection.kept == 3


def test_another_percentile_than_the_card_tells_is_one_line(ledger):
    with pytest.raises(SelectionError, match=r"tell p90; it tells p0, p50, p95"):
        card_percentile("tiny", open_ledger(ledger), Fraction(90))


@pytest.mark.parametrize("ledger", [{}], indirect=True)
def test_a_card_without_percentiles_is_one_line(ledger):
    with pytest.raises(SelectionError, match="tells no percentiles of its scores"):
        card_percentile("tiny", open_ledger(ledger), Fraction(50))


def test_a_model_file_that_is_gone_or_another_is_one_line(ledger, tmp_path):
    file = tmp_path / "tiny.safetensors"
    file.write_bytes(model_file({"score_quantiles": QUANTILES}))
    with pytest.raises(SelectionError, match="is not the file that made these scores"):
        card_percentile("tiny", open_ledger(ledger), Fraction(50))
    file.unlink()
    with pytest.raises(SelectionError, match="the card of tiny cannot be read"):
        card_percentile("tiny", open_ledger(ledger), Fraction(50))
