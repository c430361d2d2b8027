"""Configuration files: the settings of a program by the names of its flags, in TOML."""

import difflib
import tomllib
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from schemas.errors import UsageError
from schemas.programs.flags import values_from_file
from schemas.programs.program import Program

_ENGINE = "beam"


def with_config(
    config: str, program: Program, given: dict[str, Any], rest: list[str]
) -> tuple[dict[str, Any], list[str]]:
    """Return what flags and a configuration say together; flags win.

    Args:
      config: A TOML file, or the output of an earlier run.
      program: Whose settings they are.
      given: Values of flags by their names.
      rest: Options of the engine, as they were typed.

    Returns:
      Values by the names of flags, and the engine's options.

    Raises:
      UsageError: If the configuration cannot be read, or a key or a value is wrong.
    """
    try:
        told = dict(_read(config, program))
        engine: Any = told.pop(_ENGINE, {}) if program.takes_engine_options else {}
        if not isinstance(engine, dict):
            raise UsageError(f"{_ENGINE} must be a table of Beam's options")
        options = typing.cast(dict[str, Any], engine)
        known = [flag.name for flag in program.flags]
        for name in told:
            if name not in known:
                hint = nearest(name, known)
                raise UsageError(f"{program.name} has no setting {name!r}{hint}")
        values = values_from_file(program.settings, program.flags, told)
    except UsageError as error:
        raise UsageError(f"--config {config}: {error}") from error
    typed = {argument.partition("=")[0] for argument in rest}
    left = {name: value for name, value in options.items() if f"--{name}" not in typed}
    return values | given, [*engine_arguments(left), *rest]


def engine_arguments(options: Mapping[str, Any]) -> list[str]:
    """Return options of an engine, by name, as they stand in a command line."""
    arguments: list[str] = []
    for name, value in options.items():
        is_list = isinstance(value, list)
        for one in typing.cast(list[Any], value) if is_list else [value]:
            if one is True:
                arguments.append(f"--{name}")
            elif one is not False:
                arguments.append(f"--{name}={one}")
    return arguments


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `, did you mean X?` for the known name that is most alike, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f", did you mean {close[0]}?" if close else ""


def _read(config: str, program: Program) -> Mapping[str, Any]:
    if not config.endswith(".toml"):
        if program.recall is None:
            raise UsageError("must be the name of a .toml file")
        return program.recall(config)
    try:
        with open(config, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"is no TOML: {error}") from error
