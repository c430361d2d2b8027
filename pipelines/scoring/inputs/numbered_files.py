"""Numbered files: `{000..010}` in a name stands for every number in between."""

import re
from collections.abc import Iterator

from pipelines.scoring.input import InputError

_RANGE = re.compile(r"\{(\d{1,12})\.\.(\d{1,12})\}")
_MAX_FILES = 10_000_000


def is_numbered(uri: str) -> bool:
    """Whether a name has a range of numbers in it."""
    return _RANGE.search(uri) is not None


def count_numbered(uri: str) -> int:
    """Return how many files a name stands for.

    Raises:
      InputError: If a range runs backwards, or there are too many.
    """
    count = 1
    for found in _RANGE.finditer(uri):
        if int(found[1]) > int(found[2]):
            raise InputError(f"--input {uri}: the range {found[0]} runs backwards")
        count *= int(found[2]) - int(found[1]) + 1
    if count > _MAX_FILES:
        raise InputError(f"--input {uri} stands for {count} files, which is too many")
    return count


def numbered_names(uri: str) -> Iterator[str]:
    """Yield every name in order; numbers are as long as the first of their range."""
    found = _RANGE.search(uri)
    if found is None:
        yield uri
        return
    before, after = uri[: found.start()], uri[found.end() :]
    for number in range(int(found[1]), int(found[2]) + 1):
        for rest in numbered_names(after):
            yield f"{before}{number:0{len(found[1])}d}{rest}"
