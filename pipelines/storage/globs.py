"""Glob patterns, for every store alike: list the fixed prefix, filter by one regex."""

import re

from pipelines.storage.uris import path_of_uri, scheme_of

_MAGIC = re.compile(r"[*?\[]")


def has_magic(uri: str) -> bool:
    """Whether a URI contains a glob character."""
    return _MAGIC.search(uri) is not None


class Glob:
    """A pattern of URIs, case-sensitive.

    `*` and `?` match within one part of the path, `**` as a whole part matches any
    number of folders, `[abc]`, `[a-z]` and `[!abc]` one character. `[*]` is a literal
    star, and so is a bracket without its partner. A range that runs backwards is empty.

    Attributes:
      prefix: The part before the first glob character, up to its last slash.
    """

    def __init__(self, pattern: str):
        magic = _MAGIC.search(pattern)
        end = magic.start() if magic else len(pattern)
        self._pattern = pattern
        self.prefix = pattern[: pattern.rfind("/", 0, end) + 1]
        self._regex = re.compile(glob_regex(pattern[len(self.prefix) :]), re.DOTALL)

    def matches(self, uri: str) -> bool:
        """Whether a URI matches the whole pattern."""
        if scheme_of(uri) == "file":
            uri = path_of_uri(uri).decode("utf-8", "surrogateescape")
        if not uri.startswith(self.prefix):
            return False
        return self._regex.fullmatch(uri, len(self.prefix)) is not None

    def reaches_below(self, folder: str) -> bool:
        """Whether something below a folder may match; it has no slash at its end."""
        parts, folders = self._pattern.split("/"), folder.split("/")
        end = parts.index("**") if "**" in parts else len(parts) - 1
        if "**" not in parts and len(folders) > end:
            return False
        depth = min(end, len(folders))
        return Glob("/".join(parts[:depth])).matches("/".join(folders[:depth]))


def glob_regex(pattern: str) -> str:
    """Return the regular expression of a glob, for `re.DOTALL` and whole names."""
    parts = pattern.split("/")
    regex = ""
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        if part == "**":
            if index == 0 or parts[index - 1] != "**" or is_last:
                regex += ".*" if is_last else "(?:[^/]*/)*"
        else:
            regex += _translate_part(part) + ("" if is_last else "/")
    return regex


def _translate_part(part: str) -> str:
    between_stars, place = [""], 0
    while place < len(part):
        character = part[place]
        closing = part.find("]", place + 2 + part.startswith("!", place + 1))
        if character == "*":
            if between_stars[-1] or len(between_stars) == 1:
                between_stars.append("")
        elif character == "?":
            between_stars[-1] += "[^/]"
        elif character == "[" and closing > 0:
            between_stars[-1] += _translate_set(part[place + 1 : closing])
            place = closing
        else:
            between_stars[-1] += re.escape(character)
        place += 1
    first, *rest = between_stars
    if not rest:
        return first
    # Each star but the last takes as little as it can and never tries again, so that
    # many stars take no longer than one.
    *middle, last = rest
    return first + "".join(f"(?>[^/]*?{one})" for one in middle) + f"[^/]*{last}"


def _translate_set(inner: str) -> str:
    negated = inner.startswith("!")
    rest, members = inner[negated:], ""
    while rest:
        has_range = len(rest) > 2 and rest[1] == "-"
        first, last = rest[0], rest[2] if has_range else rest[0]
        if first <= last:
            members += f"{re.escape(first)}-{re.escape(last)}"
        rest = rest[3 if has_range else 1 :]
    if not members:
        return "[^/]" if negated else "(?!)"
    return f"(?!/)[{'^' if negated else ''}{members}]"
