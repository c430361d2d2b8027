"""Limits: how a ledger may change, and what it has, which it remembers itself."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from pipelines.scoring.config import ScoringConfig, Vanished
from schemas.plain import from_plain, to_plain


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """What holds for a run where nothing else is asked for.

    Each field is one of `ScoringConfig`, which is None until it is asked for.

    Attributes:
      vanished: What becomes of rows whose inputs are no longer named.
      max_failure_rate: Share of failed images above which nothing is published.
      max_vanished_rate: Share of vanished photos above which nothing is published.
      measure: Whether photos are measured besides.
    """

    vanished: Vanished = Vanished.DROP
    max_failure_rate: float = 0.05
    max_vanished_rate: float = 0.2
    measure: bool = False


def limits_of(asked: ScoringConfig) -> Limits:
    """Return the limits of a run that was asked for this."""
    told = {field.name: getattr(asked, field.name) for field in _FIELDS}
    return Limits(**{name: one for name, one in told.items() if one is not None})


def with_remembered(config: ScoringConfig, asked: Mapping[str, Any]) -> ScoringConfig:
    """Return what is asked of a run, and what was asked of the last one besides.

    Args:
      config: What is asked.
      asked: What the ledger's newest commit says was asked of its run.

    Raises:
      ValueError: If the manifest says what cannot be.
    """
    told = {field.name: asked[field.name] for field in _FIELDS if field.name in asked}
    remembered = from_plain(Limits, told)
    return dataclasses.replace(
        config,
        **{
            name: getattr(remembered, name)
            for name in told
            if getattr(config, name) is None
        },
    )


def remembered_flags(config: ScoringConfig, settled: ScoringConfig) -> list[str]:
    """Return the flags that were not given and are not as usual, as they are typed.

    Args:
      config: What was asked.
      settled: The same with what was remembered.
    """
    limits = limits_of(settled)
    return [
        _as_typed(field.name, getattr(limits, field.name))
        for field in _FIELDS
        if getattr(config, field.name) is None
        and getattr(limits, field.name) != field.default
    ]


def _as_typed(name: str, value: Any) -> str:
    return f"--{name}" if value is True else f"--{name} {to_plain(value)}"


_FIELDS = dataclasses.fields(Limits)
