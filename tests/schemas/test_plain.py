import dataclasses
import enum
import json
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.plain import PlainError, from_plain, to_plain


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner:
    size: int
    pair: tuple[float, float] = (0.0, 1.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outer:
    name: str
    inner: Inner
    rate: float | None = None
    colour: Colour = Colour.RED
    rule: Literal["fast", "slow"] = "fast"
    many: tuple[Inner, ...] = ()
    table: dict[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    anything: dict[str, Any] = dataclasses.field(default_factory=dict)
    is_on: bool = False


numbers = st.floats(allow_nan=False, allow_infinity=False)
inners = st.builds(Inner, size=st.integers(), pair=st.tuples(numbers, numbers))
outers = st.builds(
    Outer,
    name=st.text(),
    inner=inners,
    rate=st.none() | numbers,
    colour=st.sampled_from(Colour),
    rule=st.sampled_from(["fast", "slow"]),
    many=st.lists(inners, max_size=3).map(tuple),
    table=st.dictionaries(st.text(), st.lists(st.integers(), max_size=3).map(tuple)),
    is_on=st.booleans(),
)


@given(outers)
def test_what_was_written_as_json_is_read(value):
    assert from_plain(Outer, json.loads(json.dumps(to_plain(value)))) == value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mood": 1}, "missing or unknown fields: mood"),
        ({"name": None}, "name must be text, got None"),
        ({"name": 3}, "name must be text, got 3"),
        ({"is_on": 1}, "is_on must be true or false, got 1"),
        ({"rate": True}, "rate must be a number, got True"),
        ({"rate": "1"}, "rate must be a number, got '1'"),
        ({"colour": "green"}, "colour must be one of red, blue, got 'green'"),
        ({"rule": "slower"}, "rule must be one of fast, slow"),
        ({"inner": {}}, "inner: missing or unknown fields: size"),
        ({"inner": {"size": 1.5}}, "inner: size must be a whole number, got 1.5"),
        ({"inner": {"size": 1, "pair": [1]}}, "pair must be 2 times a number"),
        ({"inner": 3}, "inner must be Inner, got 3"),
        ({"many": [3]}, "many must be Inner, got 3"),
        ({"table": {"a": [1, "b"]}}, "table.a must be a whole number, got 'b'"),
    ],
)
def test_a_wrong_value_is_told_with_its_field(change, message):
    fields = {"name": "x", "inner": {"size": 1}}
    assert from_plain(Outer, fields) == Outer(name="x", inner=Inner(size=1))
    with pytest.raises(PlainError, match=message):
        from_plain(Outer, fields | change)


def test_what_is_no_table_has_no_fields():
    with pytest.raises(PlainError, match=r"\[\] is no Outer"):
        from_plain(Outer, [])
