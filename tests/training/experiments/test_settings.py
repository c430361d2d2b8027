import dataclasses
import json

import pytest

from schemas.errors import UsageError
from training.experiments.settings import (
    apply_settings,
    differences,
    from_plain,
    to_plain,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner:
    width: int = 8
    parts: int = 4
    scales: tuple[int, ...] = (224, 384)

    def __post_init__(self):
        if self.width % self.parts:
            raise ValueError(f"parts {self.parts} must divide width {self.width}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outer:
    inner: Inner = Inner()
    rate: float = 0.5
    decay: float | None = None
    flip: bool = True
    name: str = "a"


def changed(*settings: str) -> Outer:
    return apply_settings(Outer(), settings)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("inner.width=16", Outer(inner=Inner(width=16))),
        ("inner.scales=64,96", Outer(inner=Inner(scales=(64, 96)))),
        ("inner.scales=(64,)", Outer(inner=Inner(scales=(64,)))),
        ("inner.scales=", Outer(inner=Inner(scales=()))),
        ("rate=2e-4", Outer(rate=2e-4)),
        ("rate=1", Outer(rate=1.0)),
        ("decay=0.99", Outer(decay=0.99)),
        ("flip=false", Outer(flip=False)),
        ("name=x=y", Outer(name="x=y")),
    ],
)
def test_values_are_read_as_their_fields_types(setting, expected):
    assert changed(setting) == expected


def test_no_value_is_written_none():
    assert apply_settings(Outer(decay=0.5), ["decay=none"]).decay is None


def test_settings_are_applied_together():
    both = Outer(inner=Inner(width=9, parts=3))
    assert changed("inner.width=9", "inner.parts=3") == both
    assert changed("inner.parts=3", "inner.width=9") == both


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "inner.widht=3",
            "--set inner.widht: unknown name 'widht', did you mean inner.width?",
        ),
        ("iner.width=3", "did you mean inner?"),
        ("xyz=3", "there are inner, rate, decay, flip, name"),
        ("rate.x=3", "--set rate.x: rate has no parts"),
        ("inner.width=3.5", "--set inner.width=3.5: must be a whole number"),
        ("rate=fast", "--set rate=fast: must be a number"),
        ("flip=maybe", "must be true or false"),
        ("inner=3", "this is a group of settings: width, parts, scales"),
        ("inner.width=9", "--set inner.width=9: parts 4 must divide width 9"),
        ("rate", "--set rate: must be NAME=VALUE"),
        ("=3", "must be NAME=VALUE"),
    ],
)
def test_mistakes_are_told_in_one_line(setting, message):
    with pytest.raises(UsageError) as caught:
        changed(setting)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_json_gives_the_configuration_back():
    config = Outer(inner=Inner(scales=()), decay=0.1, rate=1.0)
    assert from_plain(Outer, json.loads(json.dumps(to_plain(config)))) == config


@pytest.mark.parametrize(
    "change", [{"extra": 1}, {"rate": "fast"}, {"flip": 1}, {"inner": 3}]
)
def test_json_of_something_else_is_refused(change):
    with pytest.raises(ValueError, match=r"missing or unknown|not of type"):
        from_plain(Outer, to_plain(Outer()) | change)


def test_differences_are_named():
    here, there = to_plain(Outer()), to_plain(Outer(rate=0.1, inner=Inner(width=4)))
    assert differences(here, there) == ["inner.width", "rate"]
    assert differences(here, here) == []
