"""Patterns of names below a folder or in an archive, as people give them to a flag."""

import re

from pipelines.storage.globs import glob_regex

_MAX_ALTERNATIVES = 1000


class NamePattern:
    """A pattern of names: a glob in which `{jpg,png}` stands for either.

    Without a slash it is about the last part of a name, so that `*.jpg` holds at any
    depth; `thumbs/` is about all below folders of that name; any other pattern, such
    as `2024/**` or `/*.jpg`, is about the whole name.
    """

    def __init__(self, pattern: str, *, ignore_case: bool = False):
        """Read a pattern.

        Raises:
          ValueError: If it stands for too many.
        """
        regexes = (glob_regex(_whole(one)) for one in alternatives_of(pattern))
        flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
        self._regex = re.compile("|".join(f"(?:{one})" for one in regexes), flags)

    def matches(self, name: str) -> bool:
        """Whether a name below a folder, or an absolute one, is one of those."""
        return self._regex.fullmatch(name.removeprefix("/")) is not None


def alternatives_of(pattern: str) -> list[str]:
    """Return the patterns without braces that one with braces stands for.

    Braces may lie in one another. Without a comma between them, without a partner or in
    brackets (`[{]`), they are literal.

    Raises:
      ValueError: If there are too many.
    """
    made, waiting = [], [("", pattern)]
    while waiting:
        if len(made) + len(waiting) > _MAX_ALTERNATIVES:
            raise ValueError(
                f"the pattern {pattern!r} stands for more than {_MAX_ALTERNATIVES} "
                "others"
            )
        done, rest = waiting.pop()
        literal, inner, after = _first_braces(rest)
        if inner is None:
            made.append(done + rest)
        else:
            waiting += [(done + literal, one + after) for one in reversed(inner)]
    return made


def _first_braces(pattern: str) -> tuple[str, list[str] | None, str]:
    """Divide a pattern at its first braces: before, alternatives or None, behind."""
    for place in _outside_brackets(pattern, "{"):
        depth, start, inner = 0, place + 1, []
        for at in _outside_brackets(pattern, "{,}", place):
            character = pattern[at]
            depth += {"{": 1, "}": -1}.get(character, 0)
            if (character == "," and depth == 1) or depth == 0:
                inner.append(pattern[start:at])
                start = at + 1
            if depth == 0:
                break
        if depth == 0 and len(inner) > 1:
            return pattern[:place], inner, pattern[start:]
    return pattern, None, ""


def _outside_brackets(pattern: str, characters: str, start: int = 0) -> list[int]:
    """Return where some characters stand, but for those in `[...]`."""
    brackets = r"\[!?.[^]]*\]"
    found = re.compile(f"{brackets}|[{re.escape(characters)}]", re.DOTALL)
    return [m.start() for m in found.finditer(pattern, start) if len(m[0]) == 1]


def _whole(pattern: str) -> str:
    """Return the glob of whole names that a pattern without braces means."""
    folder = pattern.removesuffix("/")
    whole = folder.removeprefix("/") if "/" in folder else f"**/{folder}"
    return f"{whole}/**" if folder != pattern else whole
