"""A program of a command: its settings, its flags, and what runs it."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from schemas.programs.flags import Flag

_CONFIG = Flag(
    "config",
    "settings of this program by their names here, in a TOML file; flags win over it",
    "FILE.toml",
    is_local=True,
)


@dataclasses.dataclass(frozen=True)
class EngineArguments:
    """What a command line says to the engine of a job.

    Attributes:
      words: What the program itself did not take.
      own_flags: The program's own flags, to guess at what was meant.
    """

    words: tuple[str, ...] = ()
    own_flags: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Program:
    """One program of a command.

    Attributes:
      name: Its name; two words are an action of a group, such as `models import`.
      help: One line for the list of programs.
      description: What it does.
      epilog: What its help ends with, an example last.
      settings: Its frozen dataclass, light to import: types, defaults and checks.
      flags: Names and help of the fields that can be set, in the help's order.
      run: Takes the settings and the engine's arguments, returns the exit code.
      takes_engine_options: Whether flags that it does not know go to Beam; in a
        configuration file these are the table `[beam]`.
      recall: Reads the settings of an earlier run from its output, for `--config DIR`;
        raises `MusiqError` if there are none.
    """

    name: str
    help: str
    description: str
    epilog: str
    settings: type
    flags: tuple[Flag, ...]
    run: Callable[[Any, EngineArguments], int]
    takes_engine_options: bool = False
    recall: Callable[[str], Mapping[str, Any]] | None = None

    @property
    def all_flags(self) -> tuple[Flag, ...]:
        """Its flags and `--config`."""
        return (*self.flags, self.config_flag)

    @property
    def config_flag(self) -> Flag:
        """The flag that names a file of settings, or an output that has them."""
        if self.recall is None:
            return _CONFIG
        return dataclasses.replace(
            _CONFIG,
            help=f"{_CONFIG.help}; or the output of an earlier run, which is repeated",
            metavar="FILE.toml|DIR",
        )

    @property
    def flag_names(self) -> tuple[str, ...]:
        """Its flags as they are typed."""
        flags = (flag for flag in self.all_flags if not flag.is_positional)
        return tuple(f"--{flag.name}" for flag in flags)
