"""How the commands `musiq` and `musiq-train` find and run their programs.

Nothing of an `argparse.Namespace` leaves this file: a program gets its own dataclass.
"""

import argparse
import dataclasses
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from schemas.errors import MusiqError, UsageError
from schemas.programs.config_file import nearest, with_config
from schemas.programs.flags import add_flags, flag_types
from schemas.programs.program import EngineArguments, Program
from schemas.text import printable


class ArgumentParser(argparse.ArgumentParser):
    """Takes no abbreviations and answers a mistake with one line."""

    def __init__(self, **kwargs: Any):
        super().__init__(
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **kwargs,
        )

    def error(self, message: str) -> NoReturn:
        """Print the mistake, without the usage, and exit with 2."""
        line = f"{self.prog}: error: {message} (see {self.prog} --help)"
        self.exit(2, f"{printable(line)}\n")


def build_parser(
    command: str, description: str, epilog: str, programs: Sequence[Program]
) -> argparse.ArgumentParser:
    """Return the parser of all programs of a command."""
    parser = ArgumentParser(prog=command, description=description, epilog=epilog)
    top = parser.add_subparsers(dest="program", required=True, metavar="PROGRAM")
    groups: dict[str, Any] = {}
    for program in programs:
        group, _, action = program.name.rpartition(" ")
        if group and group not in groups:
            actions = [p for p in programs if p.name.startswith(f"{group} ")]
            about = "; ".join(one.help for one in actions)
            of_group = top.add_parser(
                group, help=about, description=f"{about}.", epilog=actions[0].epilog
            )
            groups[group] = of_group.add_subparsers(
                dest="action", required=True, metavar="ACTION"
            )
        one = (groups[group] if group else top).add_parser(
            action,
            help=program.help,
            description=program.description,
            epilog=program.epilog,
        )
        add_flags(one, program.settings, program.flags)
        one.add_argument(
            "--config",
            help=program.config_flag.help,
            metavar=program.config_flag.metavar,
        )
        one.set_defaults(chosen=program)
    return parser


@dataclasses.dataclass(frozen=True)
class Ending:
    """How a program ends after an error.

    Attributes:
      line: What is said, behind the program's name.
      exit_code: What the command returns.
      at_once: Ends the process instead, where an orderly end is not possible.
    """

    line: str
    exit_code: int
    at_once: Callable[[int], NoReturn] | None = None


def _ending_of(error: BaseException) -> Ending | None:
    """Return the ending after an error of any program; None if none is known."""
    if isinstance(error, MusiqError):
        return Ending(f"error: {error}", 2)
    return Ending("interrupted", 1) if isinstance(error, KeyboardInterrupt) else None


def run_command(
    parser: argparse.ArgumentParser,
    argv: Iterable[str],
    *,
    ending_of: Callable[[BaseException], Ending | None] = lambda _: None,
) -> int:
    """Run the program that a command line means and return its exit code.

    A mistake is told in one line, and gives 2; an interrupt gives 1.

    Args:
      parser: As `build_parser` returns it.
      argv: Arguments without the command's name.
      ending_of: The ending after errors that this command's programs know besides.
    """
    parsed, rest = parser.parse_known_args(accept_hyphens(argv))
    program: Program = parsed.chosen
    try:
        return program.run(*_settings_of(program, vars(parsed), rest))
    except BaseException as error:
        ending = ending_of(error) or _ending_of(error)
        if ending is None:
            raise
        title = f"{parser.prog} {program.name}"
        print(f"{title}: {printable(ending.line)}", file=sys.stderr, flush=True)
        if ending.at_once:
            ending.at_once(ending.exit_code)
        return ending.exit_code


def parse_arguments(
    parser: argparse.ArgumentParser, argv: Iterable[str]
) -> tuple[Any, EngineArguments]:
    """Return the settings that a command line means, and the engine's arguments.

    Raises:
      UsageError: If the settings cannot be; a mistake in the command line itself ends
        the process with exit code 2, after one line.
    """
    parsed, rest = parser.parse_known_args(accept_hyphens(argv))
    return _settings_of(parsed.chosen, vars(parsed), rest)


def _settings_of(
    program: Program, values: Mapping[str, Any], rest: list[str]
) -> tuple[Any, EngineArguments]:
    given = {f.name: values[f.name] for f in program.flags if f.name in values}
    if config := values["config"]:
        given, rest = with_config(config, program, given, rest)
    if not program.takes_engine_options:
        refuse_unknown(program.flag_names, rest)
    _require_all(program, given)
    try:
        return program.settings(**given), EngineArguments(
            tuple(rest), program.flag_names
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def accept_hyphens(arguments: Iterable[str]) -> list[str]:
    """Write flags with underscores: `--uri-column=x` is `--uri_column=x`."""
    return [_underscored(a) if a.startswith("--") else a for a in arguments]


def refuse_unknown(known: Iterable[str], rest: Sequence[str]) -> None:
    """Refuse arguments that nobody took.

    Args:
      known: All flags that would have been taken.
      rest: What is left of the command line.

    Raises:
      UsageError: Naming the first such argument and the flag it resembles most.
    """
    if not rest:
        return
    flag, _, _ = rest[0].partition("=")
    if not flag.startswith("-"):
        raise UsageError(f"unexpected argument {flag!r} (see --help)")
    raise UsageError(f"unknown flag {flag}{nearest(flag, known)} (see --help)")


def _require_all(program: Program, given: Mapping[str, Any]) -> None:
    """Refuse to go on without what has no default."""
    missing = [
        flag.metavar if flag.is_positional else f"--{flag.name}"
        for flag, kind in zip(
            program.flags,
            flag_types(program.settings, program.flags).values(),
            strict=True,
        )
        if kind.is_required and flag.name not in given
    ]
    if missing:
        names = ", ".join(map(str, missing))
        raise UsageError(f"the following arguments are required: {names} (see --help)")


def _underscored(argument: str) -> str:
    flag, equals, value = argument.partition("=")
    return "--" + flag[2:].replace("-", "_") + equals + value
