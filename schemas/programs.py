"""How the commands `musiq` and `musiq-train` treat their arguments."""

import argparse
import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from schemas.errors import UsageError


def printable(text: object) -> str:
    """Return a text for one line of a terminal or log: names cannot forge lines there.

    Line breaks, control characters and halves of surrogate pairs are escaped.
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text)
    )


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


def accept_hyphens(arguments: Iterable[str]) -> list[str]:
    """Write flags with underscores: `--uri-column=x` is `--uri_column=x`."""
    return [_underscored(a) if a.startswith("--") else a for a in arguments]


def refuse_unknown(program: str, rest: Sequence[str], known: Iterable[str]) -> None:
    """Refuse arguments that nobody took.

    Args:
      program: For the message, such as "musiq score".
      rest: What is left of the command line.
      known: All flags that would have been taken.

    Raises:
      UsageError: Naming the first such argument and the flag it resembles most.
    """
    if not rest:
        return
    flag, _, _ = rest[0].partition("=")
    if not flag.startswith("-"):
        raise UsageError(f"unexpected argument {flag!r} (see {program} --help)")
    close = difflib.get_close_matches(flag, list(known), n=1, cutoff=0.5)
    hint = f", did you mean {close[0]}?" if close else ""
    raise UsageError(f"unknown flag {flag}{hint} (see {program} --help)")


def positive(kind: Callable[[str], int | float]) -> Callable[[str], int | float]:
    """Return an argument type that takes positive numbers of `kind` only."""

    def parse(text: str) -> int | float:
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"must be positive, got {text}")
        return value

    parse.__name__ = f"positive {kind.__name__}"
    return parse


def share(text: str) -> float:
    """Argument type of numbers from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be in 0..1, got {text}")
    return value


def flags_of(parser: argparse.ArgumentParser) -> list[str]:
    """Return all long flags of a parser."""
    return [f for f in parser._option_string_actions if f.startswith("--")]


def _underscored(argument: str) -> str:
    flag, equals, value = argument.partition("=")
    return "--" + flag[2:].replace("-", "_") + equals + value
