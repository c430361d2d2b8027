"""Ranges of names, so that many workers list one prefix together.

Stores list names in the order of their UTF-8 bytes, which is that of Python's text, and
tell neither how many there are nor the last one. What they do tell is the first names
after any text: by that, ranges are cut where names begin to differ.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

PEEKED_NAMES = 100
_MOST_PARTS = 64
_SINGLE_CHARACTERS = 24
_GROWTH = 1.25
_NAME_MAX_BYTES = 1024
_SURROGATES = (0xD800, 0xE000)
_LAST_CHARACTER = 0x10FFFF

# Gives the first names after a text, in order, up to PEEKED_NAMES of them.
Peek = Callable[[str], Sequence[str]]
Spread = Callable[[Callable, Iterable], Iterable]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class NameRange:
    """All names after one text, up to and with another.

    Attributes:
      after: What all names lie behind.
      through: The last name that belongs to it; None means to the end.
    """

    after: str = ""
    through: str | None = None

    def is_beyond(self, name: str) -> bool:
        """Whether a name, and all that follow it, lie behind the range."""
        return self.through is not None and name > self.through


@dataclasses.dataclass(frozen=True, slots=True)
class _Part:
    names: NameRange
    is_large: bool


def divide_names(
    names: NameRange, peek: Peek, *, wanted: int, spread: Spread = map
) -> tuple[NameRange, ...]:
    """Return ranges that together are a range: each name is in exactly one of them.

    That holds whatever the store says while it is asked. How even they are depends on
    the names: no range has fewer than a hundred unless all have.

    Args:
      names: The range.
      peek: Asks the store.
      wanted: How many ranges are enough.
      spread: Calls a function with each of several values, as `map` does.
    """
    parts = [_Part(names, True)]
    whole: set[NameRange] = set()
    while sum(part.is_large for part in parts) < wanted:
        chosen = [p.names for p in parts if p.is_large and p.names not in whole]
        chosen = chosen[:_MOST_PARTS]
        if not chosen:
            break
        found = dict(
            zip(
                chosen, spread(lambda one: _divide_once(one, peek), chosen), strict=True
            )
        )
        whole.update(one for one, into in found.items() if len(into) == 1)
        parts = [into for p in parts for into in found.get(p.names, [p])]
    return tuple(_joined(parts))


def _divide_once(names: NameRange, peek: Peek) -> list[_Part]:
    """Return a range cut by the first character in which its names differ.

    The first parts have one character each. Behind them, alphabets may have thousands:
    there each part spans more characters than the one before it.
    """
    found = _first_in(names, names.after, peek)
    if len(found) < PEEKED_NAMES:
        return [_Part(names, False)]
    length = _shared_length(found, names, peek)
    parts: list[_Part] = []
    start = names.after
    while len(found) == PEEKED_NAMES and len(parts) < _MOST_PARTS - 1:
        step = math.ceil(_GROWTH ** max(0, len(parts) - _SINGLE_CHARACTERS))
        cut = _behind(found[-1][: length + 1], step)
        if cut is None or names.is_beyond(cut):
            break
        following = _first_in(names, cut, peek)
        if not following:
            break
        parts.append(_Part(NameRange(after=start, through=cut), True))
        start, found = cut, following
    is_large = len(found) == PEEKED_NAMES
    return [*parts, _Part(NameRange(after=start, through=names.through), is_large)]


def _shared_length(found: Sequence[str], names: NameRange, peek: Peek) -> int:
    """Return how many characters all names of a range begin with alike."""
    shared = found[0]
    while not found[-1].startswith(shared):  # then all between them do, too
        shared = shared[:-1]
    least, most = 0, len(shared)
    while least < most:
        middle = (least + most + 1) // 2
        end = _behind(shared[:middle])
        if end is None or not _first_in(names, end, peek):
            least = middle
        else:
            most = middle - 1
    return least


def _first_in(names: NameRange, after: str, peek: Peek) -> Sequence[str]:
    return [name for name in peek(after) if name > after and not names.is_beyond(name)]


def _behind(text: str, step: int = 1) -> str | None:
    """Return the least text behind all that begin with one; None if there is none.

    Args:
      text: What they begin with.
      step: How many last characters they may have, from that one on.
    """
    while text:
        code = ord(text[-1]) + step
        if _SURROGATES[0] <= code < _SURROGATES[1]:
            code = _SURROGATES[1]
        text, step = text[:-1], 1
        if code <= _LAST_CHARACTER:
            end = text + chr(code)
            return end if len(end.encode()) <= _NAME_MAX_BYTES else None
    return None


def _joined(parts: Sequence[_Part]) -> Iterator[NameRange]:
    """Yield the ranges, small ones as part of the one before them."""
    waiting: NameRange | None = None
    for part in parts:
        if waiting is not None and not part.is_large:
            waiting = NameRange(after=waiting.after, through=part.names.through)
            continue
        if waiting is not None:
            yield waiting
        waiting = part.names
    if waiting is not None:
        yield waiting
