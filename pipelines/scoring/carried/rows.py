"""From what a file says of its images to carried values: of Arrow columns, of JSON."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import pyarrow as pa

from pipelines.scoring.carried.arrow_types import (
    EXACT_INTEGERS,
    CannotCarryError,
    plain_type,
)
from pipelines.scoring.carried.as_text import json_text
from pipelines.scoring.carried.convert import convert, is_fine, is_wide
from pipelines.scoring.carried.layout import Carried, Layout
from pipelines.scoring.carried.transport import to_python
from schemas.text import printable

MAX_COLUMNS = 2000
_FIRST_SAMPLES = 10
_SAMPLES_TOGETHER = 1000

Item = TypeVar("Item")


@dataclasses.dataclass(frozen=True)
class CarriedRows:
    """What is carried of several images; iterating yields each one's `Carried`.

    Attributes:
      layout: What the values are.
      rows: The values of each image.
    """

    layout: Layout
    rows: list[tuple[Any, ...]]

    def __iter__(self) -> Iterator[Carried]:
        """Yield what is carried of each image."""
        return (Carried(self.layout, row) for row in self.rows)


def carry_arrow(
    columns: Mapping[str, pa.Array],
    *,
    count: int,
    left_out: tuple[tuple[str, str], ...] = (),
) -> CarriedRows:
    """Return the carried values of rows that Arrow has read.

    Args:
      columns: Arrays of `count` values, by their names in the file.
      count: Number of rows.
      left_out: Names and types of columns that are not carried.

    Raises:
      CannotCarryError: If a column has a type that cannot be carried, or there are too
        many.
    """
    _require_few(columns)
    plain = {n: plain_column(n, array, array.type) for n, array in columns.items()}
    layout = Layout(
        fields=tuple(pa.field(name, array.type) for name, array in plain.items()),
        wide=frozenset(name for name, array in plain.items() if is_wide(array)),
        fine=frozenset(name for name, array in plain.items() if is_fine(array)),
        left_out=left_out,
    )
    values = map(to_python, plain.values())
    rows = list(zip(*values, strict=True)) if plain else [()] * count
    return CarriedRows(layout, rows)


def carry_json(
    samples: Sequence[Mapping[str, Any]],
    *,
    known: Layout | None = None,
    left_out: tuple[tuple[str, str], ...] = (),
) -> CarriedRows:
    """Return the carried values of samples that JSON describes, in one layout.

    Numbers, true and false keep their types as far as all samples agree. Lists and
    objects are JSON text, and so is everything in a column of several types, but for
    text, which stays as it is.

    Args:
      samples: What is said of each image, by name; a missing name is null.
      known: The layout of samples of the same file before these, which this one grows
        from, so that there are few.
      left_out: What is not carried, and why.

    Raises:
      CannotCarryError: If there are too many names.
    """
    before = {field.name: field.type for field in (known or Layout()).fields}
    names = {printable(name): name for sample in samples for name in sample}
    _require_few(before | names)
    columns = {
        ours: _json_column([sample.get(names.get(ours, ours)) for sample in samples])
        for ours in before | names
    }
    fields = [
        pa.field(name, before.get(name, found) if pa.types.is_null(found) else found)
        for name, (found, _) in columns.items()
    ]
    layout = Layout(
        fields=tuple(fields),
        wide=frozenset(n for n, (found, v) in columns.items() if _is_wide(found, v))
        | (known.wide if known else frozenset()),
        left_out=tuple(dict.fromkeys((*(known.left_out if known else ()), *left_out))),
    )
    values = [values for _, values in columns.values()]
    rows = list(zip(*values, strict=True)) if values else [()] * len(samples)
    return CarriedRows(layout, rows)


def carry_samples(
    samples: Iterable[tuple[Item, Mapping[str, Any]]],
) -> Iterator[tuple[Item, Carried]]:
    """Yield items with what is carried of them, up to a thousand in one layout.

    Args:
      samples: Items, and what JSON says of each, as `carry_json` takes it. What comes
        before an error is yielded before the error is raised.

    Raises:
      CannotCarryError: If there are too many names.
    """
    waiting: list[tuple[Item, Mapping[str, Any]]] = []
    known, together = Layout(), _FIRST_SAMPLES

    def drain() -> Iterator[tuple[Item, Carried]]:
        nonlocal known
        carried = carry_json([said for _, said in waiting], known=known)
        known = carried.layout
        yield from zip([item for item, _ in waiting], carried, strict=True)
        waiting.clear()

    try:
        for sample in samples:
            waiting.append(sample)
            if len(waiting) == together:
                yield from drain()
                together = _SAMPLES_TOGETHER
    except Exception:
        yield from drain()
        raise
    yield from drain()


def require_distinct(names: Sequence[str]) -> None:
    """Refuse a file that has two columns of one name: one would be lost.

    Raises:
      CannotCarryError: If it has.
    """
    for name, count in Counter(names).items():
        if count > 1:
            raise CannotCarryError(
                f"it has two columns named {name!r}; rename one of them"
            )


def _require_few(names: Mapping[str, Any]) -> None:
    if len(names) > MAX_COLUMNS:
        raise CannotCarryError(
            f"it carries {len(names)} columns, such as {list(names)[-1]!r}, and "
            f"more than {MAX_COLUMNS} are too many; put what they say into one"
        )


def plain_column(name: str, array: pa.Array, data_type: pa.DataType) -> pa.Array:
    """Return a column in the plain type of another, its own but for fields of structs.

    Raises:
      CannotCarryError: If there is none.
    """
    try:
        return convert(array, plain_type(data_type))
    except pa.ArrowInvalid as error:
        reason = " ".join(str(error).split())
        raise CannotCarryError(
            f"column {name!r} is {array.type}, of which a value cannot be carried: "
            f"{reason}"
        ) from error
    except CannotCarryError as error:
        raise CannotCarryError(
            f"column {name!r} is {error}, which cannot be carried; cast it to another "
            "type, or leave it out of the file"
        ) from error


def _json_column(values: list[Any]) -> tuple[pa.DataType, list[Any]]:
    """Return the type of JSON values of one name, and the values in it."""
    kinds = {type(value) for value in values if value is not None}
    numbers = [value for value in values if isinstance(value, int | float)]
    if not kinds:
        return pa.null(), values
    if kinds == {bool}:
        return pa.bool_(), values
    if kinds == {int} and all(-(2**63) <= value < 2**63 for value in numbers):
        return pa.int64(), values
    if kinds <= {int, float} and float in kinds and all(map(_is_exact, numbers)):
        return pa.float64(), [None if v is None else float(v) for v in values]
    return pa.string(), [None if v is None else _text(v) for v in values]


def _is_exact(number: float) -> bool:
    """Whether a number that JSON has is the same in float64."""
    return isinstance(number, float) or abs(number) <= EXACT_INTEGERS


def _is_wide(data_type: pa.DataType, values: list[Any]) -> bool:
    return pa.types.is_integer(data_type) and any(
        value is not None and abs(value) > EXACT_INTEGERS for value in values
    )


def _text(value: Any) -> str:
    """Return text as it is, and anything else, or what is not UTF-8, as JSON."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return json_text(value)
        return value
    return json_text(value)
