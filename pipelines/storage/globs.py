"""Glob patterns, for every store alike: list the fixed prefix, filter by one regex."""

import re

_MAGIC = re.compile(r"[*?\[]")


def has_magic(uri: str) -> bool:
    """Whether a URI contains a glob character."""
    return _MAGIC.search(uri) is not None


class Glob:
    """A pattern of URIs, case-sensitive.

    `*` and `?` match within one part of the path, `**` as a whole part matches any
    number of folders, `[abc]`, `[a-z]` and `[!abc]` one character. `[*]` is a literal
    star.

    Attributes:
      prefix: The part before the first glob character, up to its last slash.
    """

    def __init__(self, pattern: str):
        magic = _MAGIC.search(pattern)
        end = magic.start() if magic else len(pattern)
        self.prefix = pattern[: pattern.rfind("/", 0, end) + 1]
        self._regex = re.compile(_translate(pattern[len(self.prefix) :]), re.DOTALL)

    def matches(self, uri: str) -> bool:
        """Whether a URI that starts with the prefix matches the whole pattern."""
        return self._regex.fullmatch(uri, len(self.prefix)) is not None


def _translate(pattern: str) -> str:
    parts = pattern.split("/")
    regex = ""
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        if part == "**":
            regex += ".*" if is_last else "(?:[^/]*/)*"
        else:
            regex += _translate_part(part) + ("" if is_last else "/")
    return regex


def _translate_part(part: str) -> str:
    regex, place = "", 0
    while place < len(part):
        character = part[place]
        closing = part.find("]", place + 2 + part.startswith("!", place + 1))
        if character == "*":
            regex += "[^/]*"
        elif character == "?":
            regex += "[^/]"
        elif character == "[" and closing > 0:
            inner = part[place + 1 : closing].replace("\\", r"\\").replace("^", r"\^")
            negated = inner.startswith("!")
            regex += f"(?!/)[{'^' if negated else ''}{inner[negated:]}]"
            place = closing
        else:
            regex += re.escape(character)
        place += 1
    return regex
