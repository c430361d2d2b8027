"""Frozen dataclasses from text: `--set model.hidden_size=192`, and their JSON form."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from schemas.errors import UsageError

Config = TypeVar("Config")
_NONE = "none"
_BOOLEANS = {"true": True, "false": False}


def apply_settings(config: Config, settings: Iterable[str]) -> Config:
    """Return a configuration with some fields set, all at once.

    Args:
      config: A frozen dataclass, with others inside.
      settings: Texts such as `model.hidden_size=192`. Lists are written `224,384`
        (nothing for none), no value is `none`.

    Raises:
      UsageError: If a name is unknown, with the nearest one; if a value is not of the
        field's type; or if the configuration refuses the values.
    """
    changes: dict[str, Any] = {}
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals or not path:
            raise UsageError(f"--set {setting}: must be NAME=VALUE")
        _add_change(changes, config, path, text.strip())
    try:
        return _replaced(config, changes)
    except ValueError as error:
        raise UsageError(f"--set {', '.join(settings)}: {error}") from error


def to_plain(config: Any) -> dict[str, Any]:
    """Return a configuration as what JSON can hold."""
    return dataclasses.asdict(
        config,
        dict_factory=lambda items: {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in items
        },
    )


def from_plain(kind: type[Config], fields: Any) -> Config:
    """Return the configuration of which `to_plain` made `fields`.

    Raises:
      ValueError: If fields are missing or unknown, or values are not of their type.
    """
    hints = typing.get_type_hints(kind)
    if not isinstance(fields, dict) or fields.keys() != hints.keys():
        found = fields if isinstance(fields, dict) else {}
        differing = ", ".join(sorted(found.keys() ^ hints.keys()))
        raise ValueError(f"{kind.__name__} has missing or unknown fields: {differing}")
    return kind(**{name: _from_plain(hints[name], v) for name, v in fields.items()})


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Return the dotted names of fields in which two plain configurations differ."""
    found = []
    for name in sorted(ours.keys() | theirs.keys()):
        a, b = ours.get(name), theirs.get(name)
        if isinstance(a, dict) and isinstance(b, dict):
            found += [f"{name}.{inner}" for inner in differences(a, b)]
        elif a != b:
            found.append(name)
    return found


def _add_change(changes: dict[str, Any], config: Any, path: str, text: str) -> None:
    *groups, name = path.split(".")
    for depth, group in enumerate([*groups, name]):
        if not dataclasses.is_dataclass(config):
            raise UsageError(f"--set {path}: {'.'.join(groups[:depth])} has no parts")
        names = [field.name for field in dataclasses.fields(config)]
        if group not in names:
            close = difflib.get_close_matches(group, names, n=1, cutoff=0.5)
            here = ".".join([*groups[:depth], ""])
            hint = f"did you mean {here}{close[0]}?" if close else ""
            known = hint or f"there are {', '.join(here + n for n in names)}"
            raise UsageError(f"--set {path}: unknown name {group!r}, {known}")
        if depth < len(groups):
            changes = changes.setdefault(group, {})
            config = getattr(config, group)
    hint = typing.get_type_hints(type(config))[name]
    try:
        changes[name] = _parsed(hint, text)
    except ValueError as error:
        raise UsageError(f"--set {path}={text}: {error}") from error


def _replaced(config: Any, changes: dict[str, Any]) -> Any:
    new = {
        name: _replaced(getattr(config, name), value)
        if isinstance(value, dict)
        else value
        for name, value in changes.items()
    }
    return dataclasses.replace(config, **new)


def _parsed(hint: Any, text: str) -> Any:
    """Return the value that a text gives a field of this type."""
    kinds = _alternatives(hint)
    if types.NoneType in kinds and text.lower() == _NONE:
        return None
    kind = next(kind for kind in kinds if kind is not types.NoneType)
    if dataclasses.is_dataclass(kind):
        names = ", ".join(field.name for field in dataclasses.fields(kind))
        raise ValueError(f"this is a group of settings: {names}")
    if typing.get_origin(kind) is tuple:
        item = typing.get_args(kind)[0]
        parts = text.strip("()[]").split(",")
        return tuple(_parsed(item, p.strip()) for p in parts if p.strip())
    if kind is bool:
        if text.lower() not in _BOOLEANS:
            raise ValueError("must be true or false")
        return _BOOLEANS[text.lower()]
    return _number_or_text(kind, text)


def _number_or_text(kind: Callable[[str], Any], text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        article = {int: "a whole number", float: "a number"}.get(kind, "a value")
        raise ValueError(f"must be {article}") from None


def _from_plain(hint: Any, value: Any) -> Any:
    kinds = _alternatives(hint)
    for kind in kinds:
        if dataclasses.is_dataclass(kind) and isinstance(value, dict):
            return from_plain(typing.cast(type, kind), value)
        if typing.get_origin(kind) is tuple and isinstance(value, list):
            item = typing.get_args(kind)[0]
            return tuple(_from_plain(item, part) for part in value)
        if kind is float and type(value) in (int, float):
            return float(value)
        if type(value) is kind:
            return value
    raise ValueError(f"{value!r} is not of type {hint}")


def _alternatives(hint: Any) -> tuple[Any, ...]:
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if is_union else (hint,)
