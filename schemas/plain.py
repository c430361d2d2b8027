"""Frozen dataclasses and what JSON and TOML can hold: one way there, one way back."""

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard, TypeVar

Made = TypeVar("Made")
_WORDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a table",
}


class PlainError(ValueError):
    """A value is not what a dataclass holds; the message names the field."""


def to_plain(value: Any) -> Any:
    """Return a dataclass as dictionaries, lists, texts, numbers, booleans and None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: to_plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    if isinstance(value, enum.Enum):
        return value.value
    if _is_mapping(value):
        return {key: to_plain(one) for key, one in value.items()}
    if _is_list(value):
        return [to_plain(one) for one in value]
    return value


def from_plain(kind: type[Made], fields: Any) -> Made:
    """Return the dataclass that `to_plain` made `fields` of.

    Fields that have a default may be left out.

    Raises:
      PlainError: If fields are missing or unknown, or a value is not of its type.
      ValueError: If the dataclass refuses the values.
    """
    if not _is_mapping(fields):
        raise PlainError(f"{fields!r} is no {kind.__name__}: it has no fields")
    known = dataclasses.fields(typing.cast(Any, kind))
    required = {
        field.name
        for field in known
        if field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    }
    wrong = (required - fields.keys()) | (fields.keys() - {f.name for f in known})
    if wrong:
        names = ", ".join(sorted(map(str, wrong)))
        raise PlainError(f"missing or unknown fields: {names}")
    hints = typing.get_type_hints(kind)
    values = {name: value_of(hints[name], fields[name], name) for name in fields}
    return kind(**values)


def value_of(hint: Any, value: Any, name: str) -> Any:
    """Return a plain value as the type that a field's hint says.

    Args:
      hint: The field's type, as `typing.get_type_hints` gives it.
      value: What JSON or TOML has there.
      name: The field, for messages.

    Raises:
      PlainError: If the value is not of that type.
    """
    for kind in alternatives(hint):
        try:
            return _value_of(kind, value, name)
        except TypeError:
            continue
    raise PlainError(f"{name} must be {words_for(hint)}, got {value!r}")


def alternatives(hint: Any) -> tuple[Any, ...]:
    """Return the types of a union, or the one type."""
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if is_union else (hint,)


def choices_of(hint: Any) -> tuple[str, ...]:
    """Return the texts that a Literal or an enumeration allows; () for other types."""
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return tuple(one.value for one in hint)
    return ()


def words_for(hint: Any) -> str:
    """Return what a type asks for, in words."""
    told: list[str] = []
    for kind in alternatives(hint):
        if kind is types.NoneType:
            continue
        if choices := choices_of(kind):
            told.append(f"one of {', '.join(choices)}")
        elif typing.get_origin(kind) is tuple:
            item, *others = typing.get_args(kind)
            count = "a list of " if others == [...] else f"{1 + len(others)} times "
            told.append(count + words_for(item))
        else:
            told.append(_WORDS.get(typing.get_origin(kind) or kind, _name_of(kind)))
    return " or ".join(told)


def _name_of(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind))


def _value_of(kind: Any, value: Any, name: str) -> Any:
    """Return `value` as one type; raise TypeError if it is of another."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if choices := choices_of(kind):
        if value not in choices:
            raise TypeError
        return kind(value) if isinstance(kind, type) else value
    if dataclasses.is_dataclass(kind):
        if not _is_mapping(value):
            raise TypeError
        try:
            return from_plain(typing.cast(type[Any], kind), value)
        except PlainError as error:
            raise PlainError(f"{name}: {error}") from error
    if origin is tuple:
        if not _is_list(value):
            raise TypeError
        items = parts[:1] * len(value) if parts[1:] == (...,) else parts
        if len(items) != len(value):
            raise TypeError
        pairs = zip(items, value, strict=True)
        return tuple(value_of(item, one, name) for item, one in pairs)
    if origin is dict:
        if not _is_mapping(value):
            raise TypeError
        return {
            key: value_of(parts[1], one, f"{name}.{key}") for key, one in value.items()
        }
    if kind is float and type(value) in (int, float):
        return float(value)
    if type(value) is not kind:
        raise TypeError
    return value


def _is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)
