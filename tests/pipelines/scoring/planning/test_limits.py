"""A ledger remembers how it may change."""

import pytest

from pipelines.scoring.config import ScoringConfig, Vanished
from pipelines.scoring.planning.limits import (
    Limits,
    limits_of,
    remembered_flags,
    with_remembered,
)


def asked(**given) -> ScoringConfig:
    return ScoringConfig(input=("x",), output="y", **given)


def test_what_nobody_asked_for_is_as_usual():
    assert limits_of(asked()) == Limits()
    assert limits_of(asked(max_failure_rate=0.0)).max_failure_rate == 0
    assert with_remembered(asked(), {"input": ["a"]}) == asked()
    assert remembered_flags(asked(), asked()) == []


def test_what_the_last_run_was_asked_for_holds_and_is_told():
    told = {"vanished": "mark", "max_failure_rate": 0.1, "max_vanished_rate": 0.2}
    settled = with_remembered(asked(), told)
    assert limits_of(settled) == Limits(vanished=Vanished.MARK, max_failure_rate=0.1)
    assert remembered_flags(asked(), settled) == [
        "--vanished mark",
        "--max_failure_rate 0.1",
    ]
    measuring = with_remembered(asked(), {"measure": True})
    assert remembered_flags(asked(), measuring) == ["--measure"]
    assert with_remembered(asked(measure=False), {"measure": True}).measure is False


def test_what_is_given_wins():
    given = asked(vanished=Vanished.DROP, max_vanished_rate=1.0)
    told = {"vanished": "mark", "max_vanished_rate": 0}
    assert with_remembered(given, told) == given
    assert remembered_flags(given, given) == []


@pytest.mark.parametrize("wrong", [{"vanished": "lost"}, {"max_failure_rate": "x"}])
def test_a_damaged_memory_is_refused(wrong):
    [name] = wrong
    with pytest.raises(ValueError, match=f"{name} must be"):
        with_remembered(asked(), wrong)


@pytest.mark.parametrize("name", ["max_failure_rate", "max_vanished_rate"])
def test_a_rate_is_a_share(name):
    with pytest.raises(ValueError, match=rf"{name} must be in 0\.\.1, got 5"):
        asked(**{name: 5})
