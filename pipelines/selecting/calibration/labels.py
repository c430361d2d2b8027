"""What people said of some photos: a CSV of `uri` and `keep` (0 or 1), or `rating`."""

import dataclasses
import math

from pipelines.scoring.input import InputKind
from pipelines.scoring.inputs.text_tables import read_table
from pipelines.storage import Refused, resolve
from schemas.errors import UsageError

_KEEP, _RATING = "keep", "rating"
_WORDS = {"0": 0.0, "1": 1.0, "no": 0.0, "yes": 1.0, "false": 0.0, "true": 1.0}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labels:
    """Labels of photos.

    Attributes:
      file: Where they come from.
      values: The label of each photo by its name: 1 or 0 for `keep`, or the rating.
      is_rating: Whether they are ratings.
      repeated: How many rows said once more what a row had said before.
    """

    file: str
    values: dict[str, float]
    is_rating: bool
    repeated: int = 0


def read_labels(text: str) -> Labels:
    """Read labels from a file on any store.

    Relative names in it are relative to it, as in other lists.

    Args:
      text: Name of the file.

    Raises:
      MusiqError: If it is not what it should be; one line with the row.
      StorageError: If it cannot be read.
    """
    try:
        file = resolve(text, base=None)
    except Refused as refused:
        raise UsageError(f"--calibrate {text}: {refused}") from refused
    folder = file[: file.rfind("/") + 1]
    rows = read_table(file, InputKind.CSV)
    header = [name.strip() for name in next(rows)]
    kind = _kind(header, file)
    uri_place, label_place = header.index("uri"), header.index(kind)
    values: dict[str, float] = {}
    first: dict[str, int] = {}
    repeated = 0
    for number, row in enumerate(rows, 1):
        where = f"{file}: row {number}"
        uri = _uri(row[uri_place], folder, where)
        value = _label(row[label_place], kind, where)
        if values.setdefault(uri, value) != value:
            raise UsageError(
                f"{where} says {kind} {value:g} of {uri}, and row {first[uri]} says "
                f"{values[uri]:g}; leave one of them, or their mean"
            )
        repeated += uri in first
        first.setdefault(uri, number)
    if not values:
        raise UsageError(f"{file} has no labels: write rows of uri and {kind}")
    return Labels(
        file=file, values=values, is_rating=kind == _RATING, repeated=repeated
    )


def _kind(header: list[str], file: str) -> str:
    kinds = [name for name in (_KEEP, _RATING) if name in header]
    repeated = [name for name in set(header) if header.count(name) > 1]
    if "uri" not in header or len(kinds) != 1 or {"uri", *kinds} & set(repeated):
        raise UsageError(
            f"{file} must have a column uri, and a column keep (0 or 1) or a column "
            f"rating; its header is {', '.join(header)[:200]}"
        )
    return kinds[0]


def _uri(text: str, folder: str, where: str) -> str:
    try:
        return resolve(text.strip(), base=folder)
    except Refused as refused:
        raise UsageError(f"{where} names no photo: {refused.detail}") from refused


def _label(text: str, kind: str, where: str) -> float:
    word = text.strip().lower()
    if kind == _KEEP:
        if word not in _WORDS:
            raise UsageError(f"{where} says keep {text!r}, which is neither 0 nor 1")
        return _WORDS[word]
    try:
        rating = float(word)
    except ValueError:
        rating = math.nan
    if not math.isfinite(rating):
        raise UsageError(f"{where} says rating {text!r}, which is no number")
    return rating
