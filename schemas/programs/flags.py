"""One table of flags a program: names and help; all else follows from the dataclass.

A program's settings are a frozen dataclass, where types, defaults and checks stand. The
table makes the parser, the keys of a configuration file and a template's parameters.
"""

import argparse
import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.errors import UsageError
from schemas.plain import PlainError, alternatives, choices_of, value_of, words_for


@dataclasses.dataclass(frozen=True)
class Flag:
    """One flag of a program, or a word that stands without one.

    Attributes:
      name: The field of the program's dataclass that it sets, and its name without the
        hyphens.
      help: What it does; the default is added.
      metavar: What its value is called; None for switches and choices.
      is_positional: Whether it is given without its name.
      is_local: Whether it means the machine that the command is typed on, so that a
        template has no such parameter.
      template_regex: What a template lets through, where the type does not say it.
    """

    name: str
    help: str
    metavar: str | tuple[str, ...] | None = None
    _: dataclasses.KW_ONLY
    is_positional: bool = False
    is_local: bool = False
    template_regex: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class FlagType:
    """What the field behind a flag holds.

    Attributes:
      hint: Its type, without None.
      default: Its default; `dataclasses.MISSING` if it must be given.
      is_repeated: Whether it holds any number of values.
    """

    hint: Any
    default: Any
    is_repeated: bool

    @property
    def is_switch(self) -> bool:
        """Whether it is set without a value."""
        return self.hint is bool

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is dataclasses.MISSING

    @property
    def choices(self) -> tuple[str, ...]:
        """The only values it may have; () if there are no such."""
        return choices_of(self.hint)

    @property
    def value_count(self) -> int | None:
        """How many values it takes at once; None for one."""
        is_list = typing.get_origin(self.hint) is tuple
        return len(typing.get_args(self.hint)) if is_list else None


def flag_types(settings: type, flags: Sequence[Flag]) -> dict[str, FlagType]:
    """Return what the field behind each flag holds, by the flag's name.

    Raises:
      TypeError: If a flag has no field.
    """
    hints = typing.get_type_hints(settings)
    fields = {field.name: field for field in dataclasses.fields(settings)}
    found: dict[str, FlagType] = {}
    for flag in flags:
        if flag.name not in fields:
            raise TypeError(f"{settings.__name__} has no field {flag.name!r}")
        hint = next(
            kind
            for kind in alternatives(hints[flag.name])
            if kind is not types.NoneType
        )
        parts: tuple[Any, ...] = typing.get_args(hint)
        is_repeated = typing.get_origin(hint) is tuple and parts[1:] == (...,)
        found[flag.name] = FlagType(
            hint=parts[0] if is_repeated else hint,
            default=fields[flag.name].default,
            is_repeated=is_repeated,
        )
    return found


def add_flags(
    parser: argparse.ArgumentParser, settings: type, flags: Sequence[Flag]
) -> None:
    """Let a parser take the flags; what is not given is not in its result."""
    for flag, kind in zip(flags, flag_types(settings, flags).values(), strict=True):
        options: dict[str, Any] = {"help": help_of(flag, kind).replace("%", "%%")}
        if kind.is_switch:
            options |= {"nargs": 0, "const": True}
        else:
            choices = "{" + ",".join(kind.choices) + "}" if kind.choices else None
            options["metavar"] = flag.metavar or choices
            options["type"] = _parser_of(kind)
            options["nargs"] = "?" if flag.is_positional else kind.value_count
        parser.add_argument(
            flag.name if flag.is_positional else f"--{flag.name}",
            action=_Append if kind.is_repeated else _Once,
            default=argparse.SUPPRESS,
            **options,
        )


def values_from_file(
    settings: type, flags: Sequence[Flag], told: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a configuration file says as values of the dataclass.

    Args:
      settings: The program's dataclass.
      flags: The program's flags.
      told: Values by names of flags, all of them known; a repeated one may stand
        alone, without its list.

    Raises:
      UsageError: If a value is not of the flag's type.
    """
    values: dict[str, Any] = {}
    for name, kind in flag_types(settings, flags).items():
        if name not in told:
            continue
        value = told[name]
        hint = tuple[kind.hint, ...] if kind.is_repeated else kind.hint
        if kind.is_repeated and not isinstance(value, list):
            value = [value]
        try:
            values[name] = value_of(hint, value, name)
        except PlainError as error:
            raise UsageError(str(error)) from error
    return values


class _Once(argparse.Action):
    """Keep the value; a second one is a mistake, and which was meant is not known."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        if hasattr(namespace, self.dest):
            parser.error(f"{option_string or self.dest} is given twice")
        is_several = isinstance(self.nargs, int) and self.nargs > 0
        value = tuple(values) if is_several else values
        setattr(namespace, self.dest, self.const if self.nargs == 0 else value)


class _Append(argparse.Action):
    """Keep all values, in order."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, (*getattr(namespace, self.dest, ()), values))


def _parser_of(kind: FlagType) -> Any:
    """Return what turns one word of the command line into a value."""
    scalar = typing.get_args(kind.hint)[0] if kind.value_count else kind.hint

    def parse(text: str) -> Any:
        if kind.choices and text not in kind.choices:
            known = ", ".join(kind.choices)
            raise argparse.ArgumentTypeError(
                f"invalid choice: {text!r} (choose from {known})"
            )
        try:
            return scalar(text) if isinstance(scalar, type) else text
        except ValueError as error:
            raise argparse.ArgumentTypeError(
                f"must be {words_for(scalar)}, got {text!r}"
            ) from error

    return parse


def help_of(flag: Flag, kind: FlagType) -> str:
    """Return what a flag does, and its default."""
    is_told = kind.default not in (dataclasses.MISSING, None, False, ())
    shown = f"{kind.default:g}" if isinstance(kind.default, float) else kind.default
    return f"{flag.help} (default: {shown})" if is_told else flag.help
