"""Formulas say what they say, and nothing else can be said in one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.selecting.choosing.formula import parse_formula
from pipelines.selecting.errors import SelectionError

KNOWN = ("koniq", "ava")
SCORES = {"koniq": np.array([0.25, 0.5]), "ava": np.array([1.0, 0.0])}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("koniq", [0.25, 0.5]),
        (" 2 * (koniq + ava) ", [2.5, 1.0]),
        ("-koniq + +1", [0.75, 0.5]),
        ("0.7*koniq + 0.3*rank(ava)", [0.7 * 0.25 + 0.3, 0.7 * 0.5]),
        ("koniq\n/ 2", [0.125, 0.25]),
        ("1 - koniq - ava", [-0.25, 0.5]),
    ],
)
def test_a_formula_is_computed_as_it_reads(text, expected):
    formula = parse_formula(text, KNOWN)
    assert formula.value(SCORES, SCORES).tolist() == pytest.approx(expected)


def test_it_tells_which_scores_and_ranks_it_needs():
    formula = parse_formula("ava + 2*rank(koniq) - ava", KNOWN)
    assert (formula.models, formula.ranked) == (("ava",), ("koniq",))


def test_a_division_by_zero_is_not_finite():
    value = parse_formula("1 / ava", KNOWN).value(SCORES, SCORES)
    assert np.isfinite(value).tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("konik * 2", "no model 'konik', did you mean koniq? (at character 1)"),
        ("1 + xyz", "no model 'xyz'; there are koniq, ava (at character 5)"),
        ("koniq ** 2", "may stand in it (at character 1)"),
        ("koniq + ", "is no formula (at character"),
        ("koniq; ava", "is no formula (at character 6)"),
        ("koniq = 1", "is no formula (at character"),
        ("__import__('os')", "may stand in it (at character 1)"),
        ("koniq.real", "may stand in it"),
        ("rank(koniq, ava)", "rank() takes the name of one model (at character 1)"),
        ("rank(rank(koniq))", "rank() takes the name of one model"),
        ("max(koniq, ava)", "may stand in it"),
        ("koniq if ava else 1", "may stand in it"),
        ("[koniq]", "may stand in it"),
        ("True * koniq", "may stand in it"),
        ("2j * koniq", "may stand in it"),
        ("koniq * 1e999", "the number is too large"),
        ("1 + 2", "has no model in it; there are koniq, ava"),
        ("", "is no formula"),
        ("koniq\0", "is no formula"),
        ("(" * 400 + "koniq" + ")" * 400, "is no formula"),
        ("koniq" + "+1" * 600, "has 1205 characters, 1000 may be"),
    ],
)
def test_anything_else_is_refused_with_its_place(text, told):
    with pytest.raises(SelectionError) as refused:
        parse_formula(text, KNOWN)
    assert told in str(refused.value)


@given(st.text(alphabet="koniqava+-*/() 0123456789.rank_=[]'\"\\\n", max_size=40))
def test_any_text_is_a_formula_or_refused(text):
    try:
        formula = parse_formula(text, KNOWN)
    except SelectionError:
        return
    assert formula.value(SCORES, SCORES).shape == (2,)
