"""What the carried values of a file are: names and types, known by a short digest."""

import dataclasses
import hashlib
import itertools
from collections.abc import Iterable
from typing import Any, NamedTuple

import pyarrow as pa


@dataclasses.dataclass(frozen=True)
class Layout:
    """The carried columns of some rows.

    Attributes:
      fields: Names as the input has them, with plain types.
      wide: Names of those with values that `is_wide` tells of.
      fine: Names of those with values that `is_fine` tells of.
      left_out: Names and types of columns that are not carried, as they hold bytes.
      digest: By which refs name the layout.
    """

    fields: tuple[pa.Field, ...] = ()
    wide: frozenset[str] = frozenset()
    fine: frozenset[str] = frozenset()
    left_out: tuple[tuple[str, str], ...] = ()
    digest: str = dataclasses.field(init=False)

    def __post_init__(self):
        said = sorted(self.wide), sorted(self.fine), self.left_out
        told = pa.schema(self.fields).serialize().to_pybytes() + repr(said).encode()
        digest = hashlib.blake2b(told, digest_size=8).hexdigest() if self else ""
        object.__setattr__(self, "digest", digest)

    def __bool__(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.fields or self.left_out)


class Carried(NamedTuple):
    """What is carried of one image.

    Attributes:
      layout: What the values are.
      values: One for each field, as `to_python` makes them.
    """

    layout: Layout = Layout()
    values: tuple[Any, ...] = ()


NOTHING = Carried()


@dataclasses.dataclass(frozen=True, kw_only=True)
class FoundLayout:
    """A layout that listing has met.

    Attributes:
      layout: The layout.
      order: Place of an image that has it; of several, the first.
    """

    layout: Layout
    order: tuple[int, ...]


def add_layouts(
    found: Iterable[tuple[FoundLayout, ...]],
) -> tuple[FoundLayout, ...]:
    """Return the layouts of several listings together."""
    return first_of_each(itertools.chain.from_iterable(found))


def first_of_each(found: Iterable[FoundLayout]) -> tuple[FoundLayout, ...]:
    """Return every layout once, with its first place, in order of those."""
    first: dict[str, FoundLayout] = {}
    for one in found:
        known = first.setdefault(one.layout.digest, one)
        if one.order < known.order:
            first[one.layout.digest] = one
    return tuple(sorted(first.values(), key=lambda one: (one.order, one.layout.digest)))
